#include "policy/load.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "policy/check.hpp"
#include "policy/load_parts.hpp"

namespace usher::policy {
namespace {

constexpr std::array<std::string_view, 4> kTopKeys = {"policy", "select", "defaults", "rule"};
constexpr std::array<std::string_view, 4> kPolicyKeys = {"name", "mode", "ceiling", "degrade"};
constexpr std::array<std::string_view, kOperations> kDefaultKeys = {"exec", "read", "write",
                                                                    "connect", "bind"};
constexpr std::array<std::string_view, 2> kModes = {"enforce", "audit"};
constexpr std::array<std::string_view, 2> kDefaultActions = {"allow", "deny"};
constexpr std::size_t kFileLimit = 4U << 20;

void read_head(const TomlTable& table, const Location& at, Policy& policy,
               std::vector<Diagnostic>& errors) {
  TableReader reader(table, at, "[policy]", kPolicyKeys, errors);
  policy.at = at;
  reader.required("name", "\"payments-lockdown\"");
  policy.name = reader.string("name").value_or("");
  if (reader.has("name") && !is_plain_name(policy.name)) {
    reader.error(reader.at("name"), "a policy's name has 1 to 253 letters, digits, - _ and .");
  }
  if (const auto mode = reader.choice("mode", kModes)) {
    policy.mode = *mode == 0 ? Mode::enforce : Mode::audit;
  }
  policy.ceiling = reader.boolean("ceiling").value_or(false);
  policy.degrade = reader.boolean("degrade").value_or(false);
}

void read_defaults(const TomlTable& table, const Location& at, Policy& policy,
                   std::vector<Diagnostic>& errors) {
  TableReader reader(table, at, "[defaults]", kDefaultKeys, errors);
  for (std::size_t i = 0; i < kOperations; ++i) {
    const auto text = reader.string(kDefaultKeys[i]);
    if (text == "kill" || text == "audit") {
      reader.error(reader.at(kDefaultKeys[i]),
                   "a default is allow or deny; for " + *text +
                       " write a [[rule]] over \"/\" (files) or without to (sockets)");
    } else if (const auto action = reader.choice(kDefaultKeys[i], kDefaultActions)) {
      policy.defaults[i] = *action == 0 ? Action::allow : Action::deny;
    }
  }
}

void check_rule_names(const Policy& policy, std::vector<Diagnostic>& errors) {
  std::map<std::string_view, const Rule*> seen;
  for (const Rule& rule : policy.rules) {
    const auto [at, added] = seen.try_emplace(rule.name, &rule);
    if (!added) {
      errors.push_back({rule.at,
                        "two rules are named " + escape(rule.name) + ", the other in line " +
                            std::to_string(at->second->at.line) + ": names tell events apart",
                        false});
    }
  }
}

}  // namespace

LoadResult parse_policy(std::string_view text, const std::string& file) {
  LoadResult out;
  const auto document = parse_toml(text, file);
  if (!document) {
    out.errors.push_back(document.error());
    return out;
  }
  auto policy = std::make_shared<Policy>();
  policy->source = text;
  const Location top{file, 1, 1};
  TableReader reader(*document, top, "a policy file", kTopKeys, out.errors);
  reader.required("policy", "{ name = \"payments-lockdown\" }");
  if (const TomlTable* head = reader.table("policy")) {
    read_head(*head, reader.at("policy"), *policy, out.errors);
  }
  if (!reader.has("select")) {
    reader.error(top, "a policy file needs [select]: say all = true in it to take every workload");
  } else if (const TomlTable* select = reader.table("select")) {
    policy->select = read_selector(*select, reader.at("select"), out.errors);
  }
  if (const TomlTable* defaults = reader.table("defaults")) {
    read_defaults(*defaults, reader.at("defaults"), *policy, out.errors);
  }
  for (const TomlValue* rule : reader.tables("rule")) {
    policy->rules.push_back(
        read_rule(*rule->as<TomlTable>(), rule->at, policy->rules.size() + 1, out.errors));
  }
  check_rule_names(*policy, out.errors);
  const bool says_something =
      !policy->rules.empty() ||
      std::ranges::find(policy->defaults, Action::deny) != policy->defaults.end();
  if (out.errors.empty() && !says_something) {
    reader.error(top, "the policy says nothing: give it a [[rule]] or a denial in [defaults]");
  }
  if (out.errors.empty()) {
    out.warnings = check_policy(*policy);
    out.policies.push_back(std::move(policy));
  }
  return out;
}

namespace {

using FileOfName = std::map<std::string, std::string>;

// One more policy of a set: names must differ.
void add(std::string_view text, const std::string& file, FileOfName& file_of, LoadResult& out) {
  LoadResult one = parse_policy(text, file);
  std::ranges::move(one.errors, std::back_inserter(out.errors));
  std::ranges::move(one.warnings, std::back_inserter(out.warnings));
  for (auto& policy : one.policies) {
    const auto [at, added] = file_of.try_emplace(policy->name, file);
    if (added) {
      out.policies.push_back(std::move(policy));
    } else {
      out.errors.push_back({policy->at,
                            "the policy " + policy->name + " is in " + at->second +
                                " already: policies are told apart by name, give each its own",
                            false});
    }
  }
}

void sort_by_name(LoadResult& out) {
  std::ranges::sort(out.policies, {}, [](const auto& p) -> const std::string& { return p->name; });
}

}  // namespace

LoadResult load_directory(const std::filesystem::path& directory) {
  LoadResult out;
  const auto whole = [&](const std::filesystem::path& path, std::string message) {
    out.errors.push_back({{path.string(), 0, 0}, std::move(message), false});
  };
  std::error_code error;
  std::vector<std::filesystem::path> files;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator{}; entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!name.starts_with('.') && name.ends_with(".toml")) {
      files.push_back(entries->path());
    }
  }
  if (error) {
    whole(directory, "cannot read the directory of policies: " + error.message() +
                         "; check [policies] directory and its permissions");
    return out;
  }
  std::ranges::sort(files);
  FileOfName file_of;
  for (const auto& path : files) {
    const auto text = read_file(path, kFileLimit);
    if (!text) {
      whole(path, text.error().message);
      continue;
    }
    add(*text, path.string(), file_of, out);
  }
  sort_by_name(out);
  return out;
}

LoadResult load_texts(const std::map<std::string, std::string>& texts) {
  LoadResult out;
  FileOfName file_of;
  for (const auto& [file, text] : texts) {
    if (text.size() > kFileLimit) {
      out.errors.push_back({{file, 0, 0}, "a policy has at most 4 MiB", false});
    } else {
      add(text, file, file_of, out);
    }
  }
  sort_by_name(out);
  return out;
}

}  // namespace usher::policy
