#include "agent/policy_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "policy/load.hpp"

namespace usher::agent {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSavedLimit = 256U << 20;

bool is_policy_file(const fs::path& path) {
  const auto name = path.filename().string();
  return name.ends_with(".toml") && !name.starts_with('.');
}

std::string file_name(const policy::Location& at) {
  return fs::path(at.file).filename().string();
}

}  // namespace

// One reading of the directory.
struct PolicyStore::Found {
  std::set<std::string> files;  // all that are there, good or bad
  Policies policies;
  std::map<std::string, std::string> problems;  // by file: the first error
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  std::string directory_error;
};

PolicyStore::PolicyStore(Options options, Admit admit)
    : options_(std::move(options)), admit_(std::move(admit)) {}

PolicyStore::Found PolicyStore::sorted(policy::LoadResult loaded) {
  Found found;
  for (auto& warning : loaded.warnings) {
    warning.warning = false;  // whoever shows it says that it is one
    found.warnings.push_back(warning.text());
  }
  for (const auto& error : loaded.errors) {
    found.errors.push_back(error.text());
    if (is_policy_file(error.at.file)) {
      found.problems.try_emplace(file_name(error.at), error.text());
    } else {
      found.directory_error = error.text();
    }
  }
  for (auto& policy : loaded.policies) {
    found.policies[file_name(policy->at)] = policy;
  }
  return found;
}

PolicyStore::Found PolicyStore::read_texts() const {
  const auto texts = options_.texts();
  if (!texts) {
    Found nothing;
    nothing.directory_error = texts.error().message;
    nothing.errors.push_back(nothing.directory_error);
    return nothing;
  }
  auto found = sorted(policy::load_texts(*texts));
  for (const auto& [file, text] : *texts) {
    found.files.insert(file);
  }
  return found;
}

PolicyStore::Found PolicyStore::read_directory() const {
  auto found = sorted(policy::load_directory(options_.directory));
  std::error_code problem;
  for (auto entry = fs::directory_iterator(options_.directory, problem);
       !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    if (is_policy_file(entry->path())) {
      found.files.insert(entry->path().filename().string());
    }
  }
  if (problem && found.directory_error.empty()) {
    found.directory_error =
        system_error(fmt::format("cannot read the policies in {}", options_.directory.string()),
                     problem.value())
            .message;
    found.errors.push_back(found.directory_error);
  }
  return found;
}

void PolicyStore::restore() {
  std::error_code missing;
  if (!fs::exists(options_.saved, missing)) {
    return;
  }
  const auto give_up = [&](std::string_view why) {
    good_.clear();
    restore_problems_.push_back(fmt::format("the last good policies in {} cannot be used: {}",
                                            options_.saved.string(), why));
  };
  const auto text = read_file(options_.saved, kSavedLimit);
  if (!text) {
    return give_up(text.error().message);
  }
  const auto files = nlohmann::json::parse(*text, nullptr, false);
  if (!files.is_object()) {
    return give_up("it is not the JSON that usherd wrote");
  }
  for (const auto& [file, source] : files.items()) {
    const auto raw = source.is_string() ? unescape(source.get<std::string>())
                                        : Result<std::string>(fail("not a string"));
    auto loaded = raw ? policy::parse_policy(*raw, (options_.directory / file).string())
                      : policy::LoadResult{};
    if (!loaded.errors.empty() || loaded.policies.size() != 1) {
      restore_problems_.push_back(fmt::format(
          "the last good version of {} in {} cannot be used{}", escape(file),
          options_.saved.string(), loaded.errors.empty() ? "" : ": " + loaded.errors[0].text()));
    } else if (auto admitted = admit_(*loaded.policies.front()); !admitted) {
      restore_problems_.push_back(
          fmt::format("the last good version of {} in {} cannot be used: {}", escape(file),
                      options_.saved.string(), admitted.error().message));
    } else {
      good_[file] = loaded.policies.front();
    }
  }
}

void PolicyStore::keep_all(const std::string& error) {
  items_.clear();
  for (const auto& [file, policy] : good_) {
    items_.push_back({file, policy, State::last_good, error});
  }
}

void PolicyStore::take(const std::string& file, Found& found) {
  Item item{file, nullptr, State::current, {}};
  auto fresh = found.policies.contains(file) ? found.policies[file] : nullptr;
  const auto old = good_.find(file);
  if (found.problems.contains(file)) {
    item.error = found.problems[file];
  } else if (!fresh) {
    item.error = fmt::format("{}: gave no policy", file);
    found.errors.push_back(item.error);
  } else if (old != good_.end() && old->second->source == fresh->source) {
    fresh = old->second;
  } else if (auto admitted = admit_(*fresh); !admitted) {
    item.error = fmt::format("{}: {}", fresh->at.file, admitted.error().message);
    found.errors.push_back(item.error);
  }
  if (item.error.empty()) {
    good_[file] = fresh;
    item.policy = fresh;
  } else if (old != good_.end()) {
    item.policy = old->second;
    item.state = State::last_good;
  } else {
    item.state = State::refused;
  }
  items_.push_back(std::move(item));
}

void PolicyStore::load() {
  auto found = options_.texts ? read_texts() : read_directory();
  if (found.directory_error.empty() && found.files.empty() && !options_.allow_empty) {
    found.directory_error = fmt::format(
        "{} holds no policy (*.toml); put one there, or say allow_empty = true under [policies] "
        "if this node is to enforce nothing",
        options_.directory.string());
    found.errors.push_back(found.directory_error);
  }
  if (!found.directory_error.empty()) {
    keep_all(found.directory_error);
  } else {
    std::erase_if(good_, [&](const auto& old) { return !found.files.contains(old.first); });
    items_.clear();
    for (const auto& file : found.files) {
      take(file, found);
    }
  }
  errors_ = std::move(found.errors);
  warnings_ = std::move(found.warnings);
  publish();
}

// Two files may claim one name only while one of them is at its last good version: the current
// one counts.
void PolicyStore::publish() {
  std::map<std::string, std::shared_ptr<const policy::Policy>> by_name;
  for (const auto state : {State::current, State::last_good}) {
    for (auto& item : items_) {
      if (!item.policy || item.state != state) {
        continue;
      }
      const auto [other, is_new] = by_name.try_emplace(item.policy->name, item.policy);
      if (!is_new) {
        item.error +=
            fmt::format("; its last good version gives way to the policy of that name in {}",
                        other->second->at.file);
        item.state = State::refused;
        item.policy = nullptr;
      }
    }
  }
  set_.policies.clear();
  for (auto& [name, policy] : by_name) {
    set_.policies.push_back(std::move(policy));
  }
}

Result<> PolicyStore::save() {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& [file, policy] : good_) {
    files[file] = escape(policy->source);
  }
  auto text = files.dump(1) + "\n";
  if (text == saved_text_) {
    return {};
  }
  std::error_code problem;  // somebody may have removed it; what cannot be made cannot be written
  fs::create_directories(options_.saved.parent_path(), problem);
  if (auto written = write_file(options_.saved, text); !written) {
    return fail_in("the last good policies cannot be kept", written.error());
  }
  saved_text_ = std::move(text);
  return {};
}

}  // namespace usher::agent
