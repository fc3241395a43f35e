// What the kernel would decide, out of the same memory that the kernel reads: `explain`.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "policy/compile.hpp"

namespace usher::policy {

// Unknown files: every rule of the kind that denies or audits holds, no allow and no `except` does.
// Anonymous programs (memfd) are judged as unknown, unless USHER_KIND_ANON_ALLOW is set: then only
// what denies at the requested name holds. Anonymous files are not judged for read and write.
struct Query {
  Operation on = Operation::exec;
  std::string path{};       // resolved: absolute, normalised
  std::string requested{};  // exec: as asked for, absolute and normalised; empty = same as path.
                            // Read under /usr where its first component is a merged directory
  std::string program{};    // who acts, for `from`; empty = not known
  bool unknown = false;     // the file cannot be named
  bool anonymous = false;   // memfd
  AddressBlock address{};   // length is ignored
  std::uint16_t port = 0;
  std::uint8_t protocol = 6;
};

struct Verdict {
  std::uint32_t decision = USHER_ALLOWED;  // USHER_ALLOWED …
  std::uint32_t rule = USHER_RULE_NONE;    // global rule id that decided; 0 = nothing spoke
  bool by_request = false;                 // the deciding rule holds at the requested name only
};

// `header` is relative to `cells` (as in ProfileImage, or placed and with the whole arena).
Verdict evaluate(const usher_profile& header, std::span<const usher_cell> cells,
                 const usher_key& key, const Query& query);

}  // namespace usher::policy
