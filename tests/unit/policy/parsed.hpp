// Short ways to a policy out of TOML, and to what is wrong with it.
#pragma once

#include <boost/test/unit_test.hpp>
#include <string>

#include "policy/load.hpp"

namespace usher::test {

inline std::shared_ptr<const policy::Policy> parsed(const std::string& text) {
  auto result = policy::parse_policy(text, "p.toml");
  for (const auto& error : result.errors) {
    BOOST_TEST_MESSAGE(error.text());
  }
  BOOST_REQUIRE(result.policies.size() == 1);
  return result.policies.front();
}

// A policy over every workload with these rules and defaults.
inline std::string everywhere(const std::string& rest, const std::string& head = "") {
  return "[policy]\nname = \"p\"\n" + head + "[select]\nall = true\n" + rest;
}

inline std::shared_ptr<const policy::Policy> parsed_rules(const std::string& rest,
                                                          const std::string& head = "") {
  return parsed(everywhere(rest, head));
}

// All errors, one a line.
inline std::string errors_of(const std::string& text) {
  const auto result = policy::parse_policy(text, "p.toml");
  std::string out;
  for (const auto& error : result.errors) {
    out += error.text() + "\n";
  }
  BOOST_TEST(result.errors.empty() != result.policies.empty());
  return out;
}

}  // namespace usher::test
