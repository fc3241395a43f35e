#include "ctl/adapter_check.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "adapter/conformance.hpp"
#include "base/escape.hpp"
#include "ctl/key_value.hpp"
#include "ctl/show.hpp"

namespace usher::ctl {
namespace {

using Result = adapter::Verdict::Result;

struct Options {
  std::string file;
  bool trust_any_owner = false;
  std::vector<std::string> settings;  // KEY=VALUE
  std::vector<std::string> rules;
  int limit_ms = 10000;
};

const char* name_of(Result result) {
  switch (result) {
    case Result::passed:
      return "passed";
    case Result::warned:
      return "warning";
    case Result::failed:
      return "failed";
    case Result::skipped:
      return "skipped";
  }
  return "";
}

Colour colour_of(Result result) {
  return result == Result::passed   ? Colour::green
         : result == Result::failed ? Colour::red
                                    : Colour::yellow;
}

void print_json(const std::string& file, bool ok, const std::vector<adapter::Verdict>& verdicts,
                const Terminal& terminal) {
  Json rules = Json::array();
  for (const auto& verdict : verdicts) {
    rules.push_back({{"rule", verdict.rule},
                     {"verdict", name_of(verdict.result)},
                     {"detail", escape(verdict.detail)}});
  }
  terminal.out << text_of(Json{{"file", escape(file)}, {"ok", ok}, {"rules", std::move(rules)}})
               << '\n';
}

int run(const Options& options, const Terminal& terminal) {
  adapter::Config settings;
  add_key_values(options.settings, settings);
  const auto verdicts =
      adapter::check_conformance({.path = options.file,
                                  .trust_any_owner = options.trust_any_owner,
                                  .settings = std::move(settings),
                                  .rules = options.rules,
                                  .limit = std::chrono::milliseconds(options.limit_ms)});
  std::size_t counts[4] = {};
  for (const auto& verdict : verdicts) {
    ++counts[static_cast<std::size_t>(verdict.result)];
  }
  const auto count = [&](Result result) { return counts[static_cast<std::size_t>(result)]; };
  const bool ok = count(Result::failed) == 0;
  if (terminal.json) {
    print_json(options.file, ok, verdicts, terminal);
    return ok ? kOk : kFailed;
  }
  for (const auto& verdict : verdicts) {
    const auto word = fmt::format("{:<8}", name_of(verdict.result));
    terminal.out << terminal.paint(colour_of(verdict.result), word) << ' ' << verdict.rule;
    terminal.out << (verdict.detail.empty() ? "" : ": " + escape(verdict.detail)) << '\n';
  }
  terminal.out << fmt::format("{} passed, {} with a warning, {} failed, {} skipped\n",
                              count(Result::passed), count(Result::warned), count(Result::failed),
                              count(Result::skipped));
  return ok ? kOk : kFailed;
}

}  // namespace

void add_adapter_commands(CLI::App& app, std::function<int(const Terminal&)>& command) {
  auto* adapter = app.add_subcommand("adapter", "For authors of runtime adapters");
  adapter->require_subcommand(1);
  adapter->fallthrough();
  auto* check = adapter->add_subcommand(
      "check", "Holds an adapter against every rule of the interface; starts it for real");
  check->fallthrough();
  check->footer("Example: usherctl adapter check ./mine.so --set directory=/run/mine");
  const auto options = std::make_shared<Options>();
  check->add_option("file", options->file, "The path of the adapter's .so")
      ->required()
      ->check(CLI::ExistingFile);
  check->add_flag("--trust-any-owner", options->trust_any_owner,
                  "Load an adapter that root does not own, or that others may write");
  check->add_option("--set", options->settings, "A setting of the adapter: KEY=VALUE")
      ->check(has_equals_sign);
  check->add_option("--rule", options->rules, "Only this rule; repeatable")
      ->check(CLI::IsMember(adapter::conformance_rule_ids()));
  check->add_option("--limit", options->limit_ms, "How long one rule may take, in milliseconds")
      ->check(CLI::Range(100, 600'000))
      ->capture_default_str();
  check->callback([options, &command] {
    command = [options](const Terminal& terminal) { return run(*options, terminal); };
  });
}

}  // namespace usher::ctl
