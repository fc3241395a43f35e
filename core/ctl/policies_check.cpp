#include "ctl/policies_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "ctl/show.hpp"
#include "policy/check.hpp"
#include "policy/compile.hpp"
#include "policy/load.hpp"

namespace usher::ctl {
namespace {

void append(policy::LoadResult& all, policy::LoadResult more) {
  std::ranges::move(more.policies, std::back_inserter(all.policies));
  std::ranges::move(more.errors, std::back_inserter(all.errors));
  std::ranges::move(more.warnings, std::back_inserter(all.warnings));
}

policy::Diagnostic about(const policy::Policy& policy, std::string message, bool warning) {
  return {.at = policy.at, .message = std::move(message), .warning = warning};
}

// Two files of one name: load_directory sees those of its own directory only.
void refuse_double_names(policy::LoadResult& all) {
  std::map<std::string, std::string> files;
  for (const auto& policy : all.policies) {
    const auto [first, is_new] = files.emplace(policy->name, policy->at.file);
    if (!is_new && first->second != policy->at.file) {
      all.errors.push_back(about(
          *policy, fmt::format("policy \"{}\" is also in {}", policy->name, first->second), false));
    }
  }
}

Result<policy::ProfileImage> compiled(const std::vector<std::shared_ptr<const policy::Policy>>& set,
                                      const policy::Capabilities& capabilities) {
  std::uint32_t next = USHER_RULE_FIRST;
  const policy::CompileInput input{.key = {}, .merged = 0, .capabilities = capabilities};
  return policy::compile({set}, input, [&](const policy::RuleName&) { return next++; });
}

// Each policy alone must compile. All together are the worst that one workload can meet: too much
// then is only a warning, because their selectors may keep them apart.
void try_compiler(policy::LoadResult& all, const policy::Capabilities& capabilities) {
  bool each = true;
  for (const auto& policy : all.policies) {
    if (const auto image = compiled({policy}, capabilities); !image) {
      each = false;
      all.errors.push_back(about(*policy, image.error().message, false));
    } else if (!image->degraded.empty()) {
      all.warnings.push_back(
          about(*policy,
                fmt::format(
                    "policy \"{}\" is taken in audit on the {} backend, as it says degrade = true",
                    policy->name, capabilities.backend),
                true));
    }
  }
  if (each && all.policies.size() > 1) {
    if (const auto image = compiled(all.policies, capabilities); !image) {
      all.warnings.push_back(
          about(*all.policies.front(),
                "a workload that all of these policies select could not be enrolled: " +
                    image.error().message,
                true));
    }
  }
}

Json to_json(const policy::Diagnostic& diagnostic) {
  return {{"file", escape(diagnostic.at.file)},
          {"line", diagnostic.at.line},
          {"column", diagnostic.at.column},
          {"message", escape(diagnostic.message)}};
}

void print_json(const policy::LoadResult& all, const Terminal& terminal) {
  Json policies = Json::array();
  for (const auto& policy : all.policies) {
    policies.push_back({{"name", escape(policy->name)},
                        {"file", escape(policy->at.file)},
                        {"rules", policy->rules.size()}});
  }
  Json errors = Json::array();
  for (const auto& diagnostic : all.errors) {
    errors.push_back(to_json(diagnostic));
  }
  Json warnings = Json::array();
  for (const auto& diagnostic : all.warnings) {
    warnings.push_back(to_json(diagnostic));
  }
  terminal.out << text_of(Json{{"ok", all.errors.empty()},
                               {"policies", std::move(policies)},
                               {"errors", std::move(errors)},
                               {"warnings", std::move(warnings)}})
               << '\n';
}

}  // namespace

int check_policies(const std::vector<std::filesystem::path>& files, const std::string& backend,
                   const Terminal& terminal) {
  policy::LoadResult all;
  for (const auto& file : files) {
    if (std::filesystem::is_directory(file)) {
      append(all, policy::load_directory(file));
      continue;
    }
    const auto text = read_file(file);
    if (!text) {
      return terminal.fail(kUsage, escape(text.error().message));
    }
    append(all, policy::parse_policy(*text, file.native()));
  }
  refuse_double_names(all);
  std::ranges::move(policy::check_set({all.policies}), std::back_inserter(all.warnings));
  try_compiler(all, backend == "tracepoint" ? policy::tracepoint_capabilities()
                                            : policy::lsm_capabilities());
  if (terminal.json) {
    print_json(all, terminal);
    return all.errors.empty() ? kOk : kFailed;
  }
  for (const auto& error : all.errors) {
    terminal.err << terminal.paint(Colour::red, escape(error.text())) << '\n';
  }
  for (const auto& warning : all.warnings) {
    terminal.err << terminal.paint(Colour::yellow, escape(warning.text())) << '\n';
  }
  const auto counted = [](std::size_t count, const char* one, const char* many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
  };
  terminal.out << fmt::format("{}, {}, {}\n", counted(all.policies.size(), "policy", "policies"),
                              counted(all.errors.size(), "error", "errors"),
                              counted(all.warnings.size(), "warning", "warnings"));
  return all.errors.empty() ? kOk : kFailed;
}

}  // namespace usher::ctl
