#include "policy/evaluate.hpp"

#include <algorithm>
#include <optional>

#include "policy/address.hpp"
#include "policy/keyed_hash.hpp"
#include "policy/merged.hpp"
#include "policy/rule_bits.hpp"
#include "usher_hash.h"

namespace usher::policy {
namespace {

// The same steps as bpf/verdict.bpf.h, over the same memory.
class Reader {
 public:
  Reader(const usher_profile& profile, std::span<const usher_cell> cells, const usher_key& key,
         Operation on)
      : profile_(profile),
        cells_(cells),
        key_(key),
        on_(static_cast<std::uint32_t>(on)),
        kind_(profile.kind[on_]) {}

  const usher_kind& kind() const { return kind_; }

  RuleBits vector(std::uint16_t index) const {
    return RuleBits(cells_[profile_.vectors + index].vec);
  }

  std::uint32_t rule_id(std::size_t bit) const {
    return cells_[kind_.rule_ids + bit / 16].rule_id[bit % 16];
  }

  // The rules that speak of this path, their excepts taken back.
  RuleBits match_path(std::string_view path) const {
    RuleBits acc;
    RuleBits exc;
    const std::size_t count = depth_of(path);
    std::uint64_t fold = usher_root(&key_, on_);
    std::string_view rest = path;
    std::string_view name;
    for (std::size_t i = 0; i <= std::min<std::size_t>(count, USHER_MAX_DEPTH); ++i) {
      std::uint64_t parent = fold;
      if (i > 0) {
        name = take_component(rest);
        fold = usher_fold(&key_, fold, hash_name(key_, name));
      }
      if (i == count && i > 0 && (kind_.flags & USHER_KIND_PREFIX) != 0) {
        match_prefixes(parent, name, acc, exc);
      }
      const usher_node* node = find(fold);
      if (node == nullptr) {
        break;
      }
      acc |= vector(node->vec[USHER_VEC_TREE]);
      exc |= vector(node->vec[USHER_VEC_TREE_EXCEPT]);
      if (i == count) {
        acc |= vector(node->vec[USHER_VEC_EXACT]);
        exc |= vector(node->vec[USHER_VEC_EXACT_EXCEPT]);
      }
    }
    if (count > 0 && (kind_.flags & USHER_KIND_BASE) != 0) {
      add(usher_base_key(&key_, on_, hash_name(key_, path.substr(path.rfind('/') + 1))), acc, exc);
    }
    return acc.without(exc);
  }

  // Rules whose `from` this program does not satisfy.
  RuleBits unsatisfied(std::string_view program) const {
    RuleBits satisfied;
    if (!program.empty()) {
      std::uint64_t fold = usher_program_root(&key_);
      satisfied |= from(fold, USHER_VEC_TREE);
      std::string_view rest = program;
      std::string_view base;
      std::size_t depth = 0;
      for (auto name = take_component(rest); !name.empty(); name = take_component(rest)) {
        fold = usher_fold(&key_, fold, hash_name(key_, name));
        if (depth++ < USHER_PROGRAM_DEPTH) {
          satisfied |= from(fold, USHER_VEC_TREE);
        }
        base = name;
      }
      satisfied |= from(fold, USHER_VEC_EXACT);
      if (const auto* node = find(usher_from_base_key(&key_, on_, hash_name(key_, base)))) {
        satisfied |= vector(node->vec[USHER_VEC_EXACT]);
      }
    }
    return vector(kind_.vec_from).without(satisfied);
  }

  RuleBits match_socket(const Query& query) const {
    RuleBits exc;
    RuleBits address = vector(kind_.vec_any_address);
    const AddressBlock to = normalised(query.address, query.on == Operation::connect);
    const std::uint32_t bits = to.v6 ? 128 : 32;
    for (std::uint32_t length = 0; length <= bits; ++length) {
      if (to.v6 && (kind_.lengths_v6[length / 64] >> (length % 64) & 1U) != 0) {
        const V6Halves halves = masked_v6(to.bytes, length);
        add(usher_v6_key(&key_, on_, halves.high, halves.low, length), address, exc);
      } else if (!to.v6 && (kind_.lengths_v4 >> length & 1U) != 0) {
        add(usher_v4_key(&key_, on_, masked_v4(to.bytes, length), length), address, exc);
      }
    }
    RuleBits port = vector(kind_.vec_any_port);
    for (std::uint32_t length = 0; length <= 16; ++length) {
      if ((kind_.lengths_port >> length & 1U) != 0) {
        const std::uint32_t block = std::uint32_t{query.port} >> (16 - length) << (16 - length);
        add(usher_port_key(&key_, on_, block, length), port, exc);
      }
    }
    RuleBits protocol = vector(kind_.vec_any_protocol);
    add(usher_protocol_key(&key_, on_, query.protocol), protocol, exc);
    return (address & port & protocol).without(exc);
  }

 private:
  static std::size_t depth_of(std::string_view path) {
    std::size_t count = 0;
    while (!take_component(path).empty()) {
      ++count;
    }
    return count;
  }

  const usher_node* find(std::uint64_t key) const {
    const std::uint32_t at = usher_bucket_of(key, profile_.salt, profile_.mask);
    for (const usher_node& node : cells_[profile_.table + at].bucket.node) {
      if (node.key == key) {
        return &node;
      }
    }
    return nullptr;
  }

  void add(std::uint64_t key, RuleBits& acc, RuleBits& exc) const {
    if (const usher_node* node = find(key)) {
      acc |= vector(node->vec[USHER_VEC_EXACT]);
      exc |= vector(node->vec[USHER_VEC_EXACT_EXCEPT]);
    }
  }

  RuleBits from(std::uint64_t fold, std::uint32_t slot) const {
    const usher_node* node = find(usher_from_key(&key_, on_, fold));
    return node != nullptr ? vector(node->vec[slot]) : RuleBits{};
  }

  void match_prefixes(std::uint64_t directory, std::string_view name, RuleBits& acc,
                      RuleBits& exc) const {
    const usher_node* set = find(usher_prefix_set_key(&key_, directory));
    if (set == nullptr) {
      return;
    }
    std::uint64_t lengths = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      lengths |= std::uint64_t{set->vec[i]} << (16 * i);
    }
    for (std::size_t length = 1; length < 64 && length <= name.size(); ++length) {
      if ((lengths >> length & 1U) != 0) {
        add(usher_prefix_key(&key_, directory, hash_name(key_, name.substr(0, length))), acc, exc);
      }
    }
  }

  const usher_profile& profile_;
  std::span<const usher_cell> cells_;
  const usher_key& key_;
  std::uint32_t on_;
  const usher_kind& kind_;
};

struct Matched {
  RuleBits resolved;     // rules that hold at the object itself
  RuleBits requested;    // rules that hold at the name asked for
  bool allowed = false;  // every group is taken to be satisfied
};

std::uint32_t missing_allow(const Reader& reader, const Matched& m, std::size_t first,
                            std::size_t count) {
  if (m.allowed) {
    return USHER_RULE_NONE;
  }
  for (std::size_t i = first; i < first + count; ++i) {
    const usher_group& group = reader.kind().group[i];
    if (!(m.resolved & reader.vector(group.allow)).any()) {
      return group.rule;
    }
  }
  return USHER_RULE_NONE;
}

Verdict decide(const Reader& reader, const Matched& m) {
  const usher_kind& kind = reader.kind();
  const RuleBits speaking = m.resolved | m.requested;
  const auto by_rule = [&](std::uint16_t mask, std::uint32_t decision) -> std::optional<Verdict> {
    const std::size_t bit = (speaking & reader.vector(mask)).first();
    if (bit == USHER_MAX_RULES) {
      return std::nullopt;
    }
    return Verdict{decision, reader.rule_id(bit), !m.resolved.test(bit)};
  };
  const auto by_group = [&](std::size_t first, std::size_t count,
                            std::uint32_t decision) -> std::optional<Verdict> {
    const std::uint32_t rule = missing_allow(reader, m, first, count);
    return rule == USHER_RULE_NONE ? std::nullopt : std::optional(Verdict{decision, rule, false});
  };
  if (auto v = by_rule(kind.vec_kill, USHER_KILLED)) return *v;
  if (auto v = by_rule(kind.vec_deny, USHER_DENIED)) return *v;
  if (auto v = by_group(0, kind.groups, USHER_DENIED)) return *v;
  if (auto v = by_rule(kind.vec_would, USHER_WOULD_DENY)) return *v;
  if (auto v = by_group(kind.groups, kind.would_groups, USHER_WOULD_DENY)) return *v;
  if (auto v = by_rule(kind.vec_audit, USHER_AUDITED)) return *v;
  return {};
}

}  // namespace

Verdict evaluate(const usher_profile& header, std::span<const usher_cell> cells,
                 const usher_key& key, const Query& query) {
  const Reader reader(header, cells, key, query.on);
  const usher_kind& kind = reader.kind();
  const bool exec = query.on == Operation::exec;
  if ((kind.flags & USHER_KIND_RULED) == 0 || (query.anonymous && !exec)) {
    return {};
  }
  Matched m;
  const RuleBits unsatisfied = reader.unsatisfied(query.program);
  const bool anonymous_allowed = query.anonymous && (kind.flags & USHER_KIND_ANON_ALLOW) != 0;
  if (is_socket(query.on)) {
    m.resolved = reader.match_socket(query);
  } else if (anonymous_allowed) {
    m.allowed = true;
  } else if (query.anonymous || query.unknown) {
    for (const auto mask : {kind.vec_kill, kind.vec_deny, kind.vec_would, kind.vec_audit}) {
      m.resolved |= reader.vector(mask);
    }
  } else {
    m.resolved = reader.match_path(query.path);
  }
  if (exec && !query.requested.empty()) {
    m.requested = reader.match_path(read_merged(query.requested, header.merged));
  }
  m.resolved = m.resolved.without(unsatisfied);
  m.requested = m.requested.without(unsatisfied);
  return decide(reader, m);
}

}  // namespace usher::policy
