// Sandboxes whose containers another kernel runs, in words and as JSON.
#include <fmt/format.h>

#include "ctl/show.hpp"

namespace usher::ctl {

Json to_json(const v1::Guest& guest) {
  return {{"sandbox_id", escape(guest.sandbox_id())}, {"namespace", escape(guest.pod_namespace())},
          {"pod", escape(guest.pod_name())},          {"containers", guest.containers()},
          {"session", escape(guest.session())},       {"backend", escape(guest.backend())},
          {"kernel", escape(guest.kernel())},         {"version", escape(guest.version())},
          {"trouble", sentence(guest.trouble())},     {"problem", sentence(guest.problem())},
          {"generation", guest.generation()},         {"applied", guest.applied()}};
}

std::string guest_line(const v1::Guest& guest, const Terminal& terminal) {
  const auto pod = guest.pod_name().empty()
                       ? short_id(guest.sandbox_id())
                       : escape(guest.pod_namespace()) + "/" + escape(guest.pod_name());
  auto line = fmt::format("{}: {} containers, ", pod, guest.containers());
  if (guest.session() == "none") {
    return line +
           terminal.paint(Colour::yellow, "no agent in the guest: nothing is enforced there");
  }
  line += fmt::format("agent {} (its word: backend {}, kernel {})", escape(guest.session()),
                      escape(guest.backend()), escape(guest.kernel()));
  std::string trouble;
  if (guest.applied() != guest.generation()) {
    trouble += fmt::format("; policies: generation {} in force, {} is the newest", guest.applied(),
                           guest.generation());
  }
  if (!guest.trouble().empty()) {
    trouble += "; trouble: " + sentence(guest.trouble());
  }
  if (!guest.problem().empty()) {
    trouble += "; problem: " + sentence(guest.problem());
  }
  return line + (trouble.empty() ? "" : terminal.paint(Colour::yellow, trouble));
}

}  // namespace usher::ctl
