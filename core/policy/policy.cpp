#include "policy/policy.hpp"

namespace usher::policy {

std::string_view operation_name(Operation on) {
  constexpr std::array<std::string_view, kOperations> kNames = {"exec", "read", "write", "connect",
                                                                "bind"};
  return kNames[static_cast<std::size_t>(on)];
}

std::string Diagnostic::text() const {
  std::string out = at.file;
  if (at.line != 0) {
    out += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  }
  return out + (out.empty() ? "" : ": ") + (warning ? "warning: " : "") + message;
}

}  // namespace usher::policy
