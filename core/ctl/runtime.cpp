#include "ctl/runtime.hpp"

#include <fmt/format.h>

#include "adapter/installer.hpp"
#include "base/escape.hpp"
#include "ctl/runtime_config.hpp"
#include "ctl/show.hpp"

namespace usher::ctl {
namespace {

const char* name_of(adapter::InstallStep::Kind kind) {
  using Kind = adapter::InstallStep::Kind;
  switch (kind) {
    case Kind::create:
      return "create";
    case Kind::replace:
      return "replace";
    case Kind::remove:
      return "remove";
    case Kind::keep:
      return "keep";
    case Kind::manual:
      return "by hand";
  }
  return "";
}

adapter::InstallReport carry_out(const adapter::Installer& installer, RuntimeAction action,
                                 const adapter::Config& settings) {
  switch (action) {
    case RuntimeAction::install:
      return installer.install(settings);
    case RuntimeAction::verify:
      return installer.verify(settings);
    case RuntimeAction::uninstall:
      return installer.uninstall(settings);
    case RuntimeAction::plan:
      break;
  }
  return installer.plan(settings);
}

void print_json(const adapter::Installer& installer, const adapter::InstallReport& report,
                const Terminal& terminal) {
  Json steps = Json::array();
  for (const auto& step : report.steps) {
    steps.push_back({{"kind", name_of(step.kind)},
                     {"path", escape(step.path)},
                     {"what", escape(step.what)},
                     {"diff", step.diff}});  // lines: the JSON's own escapes keep it safe
  }
  Json problems = Json::array();
  for (const auto& problem : report.problems) {
    problems.push_back(escape(problem));
  }
  terminal.out << text_of(Json{{"adapter", escape(installer.name())},
                               {"version", escape(installer.version())},
                               {"ok", report.ok},
                               {"error", escape(report.error)},
                               {"steps", std::move(steps)},
                               {"problems", std::move(problems)}})
               << '\n';
}

void print_diff(const std::string& diff, const Terminal& terminal) {
  for (std::size_t at = 0; at < diff.size();) {
    const auto end = std::min(diff.find('\n', at), diff.size());
    const auto line = diff.substr(at, end - at);
    const Colour colour = line.starts_with('+')   ? Colour::green
                          : line.starts_with('-') ? Colour::red
                                                  : Colour::none;
    terminal.out << "    " << terminal.paint(colour, escape(line)) << '\n';
    at = end + 1;
  }
}

}  // namespace

int run_runtime(const RuntimeRequest& request, const Terminal& terminal) {
  const auto installer =
      adapter::Installer::open(request.adapter, request.directory, request.trust_any_owner);
  if (!installer) {
    return terminal.fail(kUsage, escape(installer.error().message));
  }
  const auto config = configured(request.config, installer->name());
  if (!config) {
    return terminal.fail(kUsage, config.error().message);
  }
  adapter::Config settings = request.settings;
  settings.insert(config->begin(), config->end());
  const auto report = carry_out(*installer, request.action, settings);
  if (terminal.json) {
    print_json(*installer, report, terminal);
    return report.ok ? kOk : kFailed;
  }
  for (const auto& step : report.steps) {
    terminal.out << fmt::format("{:<8} {}{}{}\n", name_of(step.kind), escape(step.path),
                                step.path.empty() ? "" : "  ", escape(step.what));
    if (request.action == RuntimeAction::plan || request.action == RuntimeAction::verify) {
      print_diff(step.diff, terminal);
    }
  }
  for (const auto& problem : report.problems) {
    terminal.err << terminal.paint(Colour::yellow, "problem: ") << escape(problem) << '\n';
  }
  if (!report.ok) {
    return terminal.fail(kFailed, escape(report.error));
  }
  return kOk;
}

}  // namespace usher::ctl
