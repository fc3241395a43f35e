// What the kernel would decide, out of the same memory that the kernel reads: `explain`.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "policy/compile.hpp"

namespace usher::policy {

struct Query {
  Operation on = Operation::exec;
  std::string path;        // resolved: absolute, normalised
  std::string requested;   // exec: as asked for, absolute and normalised; empty = same as path
  std::string program;     // who acts, for `from`; empty = not known
  bool unknown = false;    // the file cannot be named
  bool anonymous = false;  // memfd
  AddressBlock address;    // length is ignored
  std::uint16_t port = 0;
  std::uint8_t protocol = 6;
};

struct Verdict {
  std::uint32_t decision = USHER_ALLOWED;  // USHER_ALLOWED …
  std::uint32_t rule = USHER_RULE_NONE;    // global rule id that decided; 0 = nothing spoke
  bool by_request = false;
};

// `header` is relative to `cells` (as in ProfileImage, or placed and with the whole arena).
Verdict evaluate(const usher_profile& header, std::span<const usher_cell> cells,
                 const usher_key& key, const Query& query);

}  // namespace usher::policy
