#include "ctl/doctor.hpp"

#include <fmt/format.h>

#include "base/escape.hpp"
#include "ctl/show.hpp"

namespace usher::ctl {
namespace {

const char* name_of(Finding::State state) {
  switch (state) {
    case Finding::State::ok:
      return "ok";
    case Finding::State::note:
      return "note";
    case Finding::State::warning:
      return "warning";
    case Finding::State::missing:
      return "missing";
  }
  return "";
}

Colour colour_of(Finding::State state) {
  switch (state) {
    case Finding::State::ok:
      return Colour::green;
    case Finding::State::note:
      return Colour::faint;
    case Finding::State::warning:
      return Colour::yellow;
    case Finding::State::missing:
      return Colour::red;
  }
  return Colour::none;
}

Json to_json(const Diagnosis& diagnosis, const Sources& sources) {
  Json findings = Json::array();
  for (const auto& finding : diagnosis.findings) {
    findings.push_back({{"group", finding.group},
                        {"id", finding.id},
                        {"state", name_of(finding.state)},
                        {"detail", escape(finding.detail)},
                        {"remedy", escape(finding.remedy)}});
  }
  return {{"kernel", escape(sources.release)},
          {"backend", diagnosis.backend},
          {"bpf_lsm", diagnosis.bpf_lsm},
          {"findings", std::move(findings)}};
}

}  // namespace

Diagnosis diagnose(const Sources& sources) {
  Diagnosis out;
  const auto kernel = doctor::kernel_of(sources);
  doctor::check_kernel(sources, kernel, out);
  doctor::check_node(sources, out);
  doctor::check_runtimes(sources, out);
  doctor::check_capabilities(out);
  doctor::check_traps(sources, kernel, out);
  return out;
}

int show_doctor(const Diagnosis& diagnosis, const Sources& sources, const Terminal& terminal) {
  const int code = diagnosis.backend == "none" ? kFailed : kOk;
  if (terminal.json) {
    terminal.out << text_of(to_json(diagnosis, sources)) << '\n';
    return code;
  }
  std::string group;
  for (const auto& finding : diagnosis.findings) {
    if (finding.group != group) {
      group = finding.group;
      terminal.out << terminal.paint(Colour::bold, group) << '\n';
    }
    terminal.out << fmt::format(
        "  {} {:<16} {}\n",
        terminal.paint(colour_of(finding.state), fmt::format("{:<8}", name_of(finding.state))),
        finding.id, escape(finding.detail));
    if (!finding.remedy.empty()) {
      terminal.out << fmt::format("  {:<25} → {}\n", "", escape(finding.remedy));
    }
  }
  terminal.out << (code == kOk ? fmt::format("This node can run Usher with the {} backend.\n",
                                             diagnosis.backend)
                               : "This node cannot run Usher: mend what is missing above.\n");
  return code;
}

}  // namespace usher::ctl
