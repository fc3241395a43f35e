// A rule set with its compiled profile, to ask questions of.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "brute_force.hpp"
#include "parsed.hpp"
#include "policy/address.hpp"
#include "policy/compile.hpp"
#include "policy/evaluate.hpp"

namespace usher::test {

inline constexpr usher_key kKey = {0x1234567890abcdef, 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f,
                                   0x165667b19e3779f9};

struct Compiled {
  explicit Compiled(policy::RuleSet set, std::uint32_t merged = 0)
      : image(
            policy::compile(set, {kKey, merged, policy::lsm_capabilities()}, table.ids()).value()) {
  }
  explicit Compiled(const std::shared_ptr<const policy::Policy>& p, std::uint32_t merged = 0)
      : Compiled(policy::RuleSet{{p}}, merged) {}

  std::string ask(const policy::Query& query) const {
    const auto v = policy::evaluate(image.header, image.cells, kKey, query);
    constexpr std::array<const char*, 5> kNames = {"allowed", "audited", "would deny", "denied",
                                                   "killed"};
    const auto rule = table.name(v.rule);
    return kNames[v.decision] + (v.rule == 0 ? "" : " " + rule.policy + "/" + rule.rule) +
           (v.by_request ? " by request" : "");
  }
  std::string exec(const std::string& path, const std::string& requested = "",
                   const std::string& program = "") const {
    return ask(
        {.on = policy::Operation::exec, .path = path, .requested = requested, .program = program});
  }
  std::string connect(const std::string& to, std::uint16_t port = 443,
                      std::uint8_t protocol = 6) const {
    return ask({.on = policy::Operation::connect,
                .address = policy::parse_address_block(to).value(),
                .port = port,
                .protocol = protocol});
  }

  RuleTable table;
  policy::ProfileImage image;
};

}  // namespace usher::test
