#include "agent/rule_table.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::agent {

namespace {

constexpr std::size_t kFileLimit = 256U << 20;

// One line: ["policy","rule",number], names escaped so that any byte survives.
std::string line(const policy::RuleName& name, std::uint32_t number) {
  return nlohmann::json::array({escape(name.policy), escape(name.rule), number}).dump() + "\n";
}

struct Line {
  policy::RuleName name;
  std::uint32_t number = 0;
};

Result<Line> parse_line(std::string_view text) {
  const auto value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_array() || value.size() != 3 || !value[0].is_string() || !value[1].is_string() ||
      !value[2].is_number_unsigned()) {
    return fail("expected [\"policy\",\"rule\",number]");
  }
  auto policy = unescape(value[0].get<std::string>());
  auto rule = unescape(value[1].get<std::string>());
  if (!policy || !rule) {
    return fail("a name has a bad escape");
  }
  return Line{{std::move(*policy), std::move(*rule)}, value[2].get<std::uint32_t>()};
}

}  // namespace

Result<RuleTable> RuleTable::open(std::filesystem::path file) {
  RuleTable table(std::move(file));
  std::error_code missing;
  if (!std::filesystem::exists(table.file_, missing)) {
    return table;
  }
  const auto text = read_file(table.file_, kFileLimit);
  const auto parsed = text ? table.parse(*text) : std::unexpected(text.error());
  if (parsed) {
    return table;
  }
  auto kept = table.file_;
  kept += ".set-aside";
  std::error_code problem;
  std::filesystem::rename(table.file_, kept, problem);
  if (problem) {
    return fail(fmt::format("{}; and it cannot be set aside as {} ({}): move it away",
                            parsed.error().message, kept.string(), problem.message()));
  }
  RuleTable empty(std::move(table.file_));
  empty.set_aside_ = fmt::format(
      "{}; it is kept as {}, and rules are numbered anew: events of profiles that are "
      "not loaded anew do not name their rules",
      parsed.error().message, kept.string());
  return empty;
}

Result<> RuleTable::parse(const std::string& text) {
  std::size_t begin = 0;
  for (std::size_t number = 1; begin < text.size(); ++number) {
    const auto end = text.find('\n', begin);
    if (end == text.npos) {
      // Cut off by a crash. The next append must not be glued to it.
      if (::truncate(file_.c_str(), static_cast<off_t>(begin)) != 0) {
        return fail_system(fmt::format("cannot repair {}", file_.string()));
      }
      return {};
    }
    auto parsed = parse_line(std::string_view(text).substr(begin, end - begin));
    if (!parsed) {
      return fail(fmt::format("{}:{}: {}", file_.string(), number, parsed.error().message));
    }
    numbers_[{parsed->name.policy, parsed->name.rule}] = parsed->number;
    next_ = std::max(next_, parsed->number + 1);
    names_[parsed->number] = std::move(parsed->name);
    begin = end + 1;
  }
  return {};
}

std::uint32_t RuleTable::id(const policy::RuleName& name) {
  const auto [found, is_new] = numbers_.try_emplace({name.policy, name.rule}, next_);
  if (is_new) {
    names_[next_] = name;
    unsaved_ += line(name, next_);
    ++next_;
  }
  return found->second;
}

const policy::RuleName* RuleTable::name(std::uint32_t id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? nullptr : &found->second;
}

Result<> RuleTable::save() {
  if (unsaved_.empty()) {
    return {};
  }
  const Fd fd(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const auto tried = fmt::format("cannot write {}", file_.string());
  if (!fd) {
    return fail_system(tried);
  }
  const off_t start = ::lseek(fd.get(), 0, SEEK_END);
  const auto written = ::write(fd.get(), unsaved_.data(), unsaved_.size());
  if (written != static_cast<ssize_t>(unsaved_.size())) {
    const int code = written < 0 ? errno : ENOSPC;
    if (::ftruncate(fd.get(), start) != 0) {
      return fail_system(tried);
    }
    return fail_system(tried, code);
  }
  unsaved_.clear();
  return {};
}

policy::RuleIds RuleTable::ids() {
  return [this](const policy::RuleName& name) { return id(name); };
}

std::uint32_t highest_rule(const enforce::Enforcer& enforcer) {
  constexpr std::uint32_t kInCell = 16;
  const auto arena = enforcer.arena();
  std::uint32_t highest = 0;
  for (std::uint32_t index = 1; index < USHER_MAX_PROFILES; ++index) {
    for (const auto& kind : enforcer.profile(index).kind) {
      for (std::uint32_t bit = 0; bit < kind.rules; ++bit) {
        const auto cell = kind.rule_ids + bit / kInCell;
        highest = std::max(highest, cell < arena.size() ? arena[cell].rule_id[bit % kInCell] : 0);
      }
      const auto groups = std::min<std::size_t>(kind.groups + kind.would_groups, USHER_MAX_GROUPS);
      for (std::size_t group = 0; group < groups; ++group) {
        highest = std::max(highest, kind.group[group].rule);
      }
    }
  }
  return highest;
}

}  // namespace usher::agent
