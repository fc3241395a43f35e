// Any bytes as a policy file: the loader gives a policy or errors with places, and what it accepts
// is compiled, checked and judged without a fault.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/check.hpp"
#include "policy/evaluate.hpp"
#include "policy/load.hpp"
#include "policy/path_pattern.hpp"

using namespace usher;

namespace {

void demand(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void judge(const policy::Policy& p, const policy::ProfileImage& image, const usher_key& key) {
  for (const policy::Rule& rule : p.rules) {
    policy::Query query;
    query.on = rule.on;
    for (const auto& pattern : rule.paths) {
      // What a pattern prints as is read as the same pattern.
      demand(policy::parse_path_pattern(policy::to_string(pattern)) == pattern);
      query.path = pattern.path.starts_with('/') ? pattern.path : "/" + pattern.path;
      query.requested = query.path;
      demand(policy::evaluate(image.header, image.cells, key, query).decision <= USHER_KILLED);
    }
    for (const auto& block : rule.to) {
      query.address = block;
      query.port = rule.ports.empty() ? 1 : rule.ports.front().last;
      demand(policy::evaluate(image.header, image.cells, key, query).decision <= USHER_KILLED);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = policy::parse_policy(text, "fuzz.toml");
  demand(result.errors.empty() == (result.policies.size() == 1));
  for (const auto& error : result.errors) {
    demand(!error.message.empty() && error.at.line > 0 && error.at.column > 0);
  }
  for (const auto& p : result.policies) {
    policy::check_set({{p}});
    const usher_key key = {1, 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9};
    std::uint32_t next = USHER_RULE_FIRST;
    const auto image = policy::compile({{p}}, {key, USHER_MERGED_BIN, policy::lsm_capabilities()},
                                       [&next](const policy::RuleName&) { return next++; });
    if (image) {
      judge(*p, *image, key);
    }
  }
  return 0;
}
