#include "random_policy.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "policy/address.hpp"

namespace usher::test {

using policy::Action;
using policy::AddressBlock;
using policy::Operation;
using policy::PathPattern;
using policy::Rule;

usher_key RandomPolicies::key() {
  return {random_(), random_() | 1U, random_() | 1U, random_() | 1U};
}

std::uint32_t RandomPolicies::merged() {
  return one_in(2) ? 0 : below(64);
}

std::string RandomPolicies::name() {
  static const std::array<std::string, 26> kNames = {"usr",
                                                     "bin",
                                                     "sbin",
                                                     "lib",
                                                     "lib64",
                                                     "libx32",
                                                     "a",
                                                     "b",
                                                     "sh",
                                                     "nc",
                                                     "python",
                                                     "python3",
                                                     "python3.11",
                                                     "pyt",
                                                     "exactly8",
                                                     "exactly8x",
                                                     "sixteen-bytes-ab",
                                                     "sixteen-bytes-abc",
                                                     "\xff\x01",
                                                     "\n",
                                                     "*",
                                                     "b\\s",
                                                     "h\xc3\xa9",
                                                     std::string(63, 'l'),
                                                     std::string(64, 'l'),
                                                     "lib32"};
  return one_in(400) ? std::string(255, 'x') : kNames[below(kNames.size())];
}

std::string RandomPolicies::path(std::uint32_t max_depth) {
  static const std::array<std::string, 6> kBegin = {"/usr/bin", "/bin",  "/usr/lib64",
                                                    "/lib64",   "/sbin", "/usr"};
  std::string out = max_depth > 3 && one_in(3) ? kBegin[below(kBegin.size())] : "";
  const std::uint32_t depth = 1 + below(max_depth - (out.empty() ? 0 : 2));
  for (std::uint32_t i = 0; i < depth; ++i) {
    const std::string next = name();
    out += "/" + (out.size() + next.size() < 900 ? next : "a");
  }
  return out;
}

PathPattern RandomPolicies::pattern(bool from) {
  using Form = PathPattern::Form;
  switch (below(from ? 6 : 8)) {
    case 0:
    case 1:
      return {Form::base, name()};
    case 2:
    case 3:
      return {Form::exact, path(4)};
    case 4:
    case 5: {
      if (one_in(8)) {
        return {Form::tree, ""};
      }
      return {Form::tree, one_in(10) ? path(from ? 11 : 62) : path(4)};
    }
    default: {
      const std::string whole = name();
      const std::size_t length =
          1 + below(static_cast<std::uint32_t>(std::min<std::size_t>(whole.size(), 63)));
      return {Form::prefix, (one_in(4) ? "" : path(4)) + "/" + whole.substr(0, length)};
    }
  }
}

std::vector<PathPattern> RandomPolicies::patterns(std::uint32_t max, bool from) {
  std::vector<PathPattern> out;
  for (std::uint32_t n = below(max + 1); n > 0; --n) {
    out.push_back(pattern(from));
  }
  return out;
}

AddressBlock RandomPolicies::block() {
  AddressBlock out;
  out.v6 = one_in(2);
  out.length = static_cast<std::uint8_t>(below(out.v6 ? 129 : 33));
  for (std::size_t i = 0; i < (out.v6 ? 16U : 4U); ++i) {
    // Few distinct bytes, so that blocks nest.
    constexpr std::array<std::uint8_t, 5> kBytes = {0, 10, 127, 254, 255};
    out.bytes[i] = kBytes[below(kBytes.size())];
  }
  if (out.v6) {
    const auto halves = policy::masked_v6(out.bytes, out.length);
    for (std::size_t i = 0; i < 8; ++i) {
      out.bytes[i] = static_cast<std::uint8_t>(halves.high >> (56 - 8 * i));
      out.bytes[8 + i] = static_cast<std::uint8_t>(halves.low >> (56 - 8 * i));
    }
  } else {
    const auto kept = policy::masked_v4(out.bytes, out.length);
    for (std::size_t i = 0; i < 4; ++i) {
      out.bytes[i] = static_cast<std::uint8_t>(kept >> (24 - 8 * i));
    }
  }
  return out;
}

policy::PortRange RandomPolicies::ports() {
  const auto first = static_cast<std::uint16_t>(one_in(2) ? below(65536) : below(1024));
  const auto width = one_in(2) ? 0U : below(65536U - first);
  return {first, static_cast<std::uint16_t>(first + width)};
}

Rule RandomPolicies::rule(std::size_t number) {
  Rule out;
  out.name = "rule-" + std::to_string(number);
  out.on = static_cast<Operation>(below(policy::kOperations));
  constexpr std::array kActions = {Action::allow, Action::allow, Action::audit, Action::deny,
                                   Action::kill};
  out.action = kActions[below(kActions.size())];
  if (policy::is_socket(out.on)) {
    for (std::uint32_t n = below(3); n > 0; --n) out.to.push_back(block());
    for (std::uint32_t n = below(2); n > 0; --n) out.except_to.push_back(block());
    for (std::uint32_t n = below(3); n > 0; --n) out.ports.push_back(ports());
    if (one_in(3)) out.protocols.push_back(one_in(2) ? 6 : 17);
  } else {
    out.paths = patterns(4);
    out.paths.push_back(pattern(false));
    out.except = patterns(2);
  }
  if (one_in(4)) {
    out.from = patterns(2, true);
  }
  out.anonymous =
      out.on == Operation::exec && out.action == Action::allow && out.from.empty() && one_in(3);
  return out;
}

policy::RuleSet RandomPolicies::rule_set() {
  policy::RuleSet out;
  const std::uint32_t count = 1 + below(4);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto p = std::make_shared<policy::Policy>();
    p->name = std::string("policy-") + static_cast<char>('a' + i);
    p->mode = one_in(4) ? policy::Mode::audit : policy::Mode::enforce;
    p->ceiling = one_in(4);
    p->select.all = true;
    for (auto& action : p->defaults) {
      if (one_in(3)) action = one_in(4) ? Action::allow : Action::deny;
    }
    const std::uint32_t rules = below(13);
    for (std::uint32_t n = 1; n <= rules; ++n) {
      p->rules.push_back(rule(n));
    }
    out.policies.push_back(std::move(p));
  }
  return out;
}

const Rule* RandomPolicies::some_rule(const policy::RuleSet& rules, Operation on) {
  std::vector<const Rule*> of_kind;
  for (const auto& p : rules.policies) {
    for (const Rule& r : p->rules) {
      if (r.on == on) of_kind.push_back(&r);
    }
  }
  return of_kind.empty() ? nullptr : of_kind[below(static_cast<std::uint32_t>(of_kind.size()))];
}

// A path that one of the patterns covers, or that stands beside it.
std::string RandomPolicies::near(const std::vector<PathPattern>& patterns) {
  if (patterns.empty() || one_in(6)) {
    return one_in(20) ? path(80) : path(5);
  }
  const PathPattern& p = patterns[below(static_cast<std::uint32_t>(patterns.size()))];
  std::string out = p.form == PathPattern::Form::base ? path(3) + "/" + p.path : p.path;
  if (p.form == PathPattern::Form::prefix && one_in(2)) {
    out += name().substr(0, 4);
  }
  if (p.form == PathPattern::Form::tree ? !one_in(4) : one_in(6)) {
    out += one_in(12) ? path(70) : path(3);
  }
  if (one_in(6)) {
    out += name().front();
  }
  if (one_in(3) && out.starts_with("/usr/")) {
    out.erase(0, 4);
  }
  if (!out.starts_with('/')) {
    out.insert(0, "/");
  }
  if (one_in(8)) {
    out.erase(out.rfind('/'));
  }
  while (out.size() > 1000) {
    out.erase(out.rfind('/'));
  }
  // No component is longer than a file's name can be, and there is one at least.
  return out.size() < 2 || out.size() - out.rfind('/') > 256 ? "/" + name() : out;
}

policy::Query RandomPolicies::query(const policy::RuleSet& rules) {
  policy::Query out;
  out.on = static_cast<Operation>(below(policy::kOperations));
  const Rule* rule = some_rule(rules, out.on);
  const Rule none;
  const Rule& r = rule != nullptr ? *rule : none;
  if (!one_in(4)) {
    out.program = near(r.from);
  }
  if (policy::is_socket(out.on)) {
    out.address =
        r.to.empty() || one_in(3) ? block() : r.to[below(static_cast<std::uint32_t>(r.to.size()))];
    const std::size_t size = out.address.v6 ? 16 : 4;
    out.address.bytes[below(static_cast<std::uint32_t>(size))] ^=
        static_cast<std::uint8_t>(one_in(2) ? 1U << below(8) : 0U);
    if (out.address.v6 && one_in(4)) {
      constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
      std::ranges::copy(kMapped, out.address.bytes.begin());
    }
    if (one_in(12)) out.address.bytes = {};
    out.address.length = out.address.v6 ? 128 : 32;
    const auto near_port = r.ports.empty() ? ports() : r.ports.front();
    out.port =
        static_cast<std::uint16_t>((one_in(2) ? near_port.first : near_port.last) + below(3) - 1);
    constexpr std::array<std::uint8_t, 3> kProtocols = {6, 17, 58};
    out.protocol = kProtocols[below(kProtocols.size())];
    return out;
  }
  out.path = near(one_in(5) ? r.except : r.paths);
  out.unknown = one_in(20);
  out.anonymous = one_in(20);
  if (out.on == Operation::exec && one_in(2)) {
    out.requested = near(r.paths);
  }
  return out;
}

}  // namespace usher::test
