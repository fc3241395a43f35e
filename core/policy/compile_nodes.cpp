#include "policy/address.hpp"
#include "policy/compile_kind.hpp"
#include "policy/keyed_hash.hpp"
#include "policy/merged.hpp"
#include "usher_hash.h"

namespace usher::policy {
namespace {

using Form = PathPattern::Form;

class NodeWriter {
 public:
  NodeWriter(const CompileInput& input, Operation on, ImageBuilder& builder, usher_kind& kind)
      : key_(input.key),
        merged_(input.merged),
        on_(static_cast<std::uint32_t>(on)),
        builder_(builder),
        kind_(kind) {}

  void paths(const BitRule& r) {
    // What takes away holds under both names of a merged directory, also if the link is replaced;
    // what gives holds only where the link leads.
    const bool takes = r.rule->action != Action::allow;
    for (const PathPattern& pattern : r.rule->paths) {
      path(pattern, r.bit, false, takes);
    }
    for (const PathPattern& pattern : r.rule->except) {
      path(pattern, r.bit, true, !takes);
    }
  }

  void from(const BitRule& r) {
    for (const PathPattern& written : r.rule->from) {
      const PathPattern pattern = read_merged(written, merged_);
      if (pattern.form == Form::base) {
        builder_.add(usher_from_base_key(&key_, on_, hash_name(key_, pattern.path)),
                     USHER_VEC_EXACT, r.bit);
      } else {
        const std::uint64_t fold = fold_path(key_, usher_program_root(&key_), pattern.path);
        builder_.add(usher_from_key(&key_, on_, fold),
                     pattern.form == Form::tree ? USHER_VEC_TREE : USHER_VEC_EXACT, r.bit);
      }
    }
  }

  void sockets(const BitRule& r, RuleBits& any_address, RuleBits& any_port,
               RuleBits& any_protocol) {
    const Rule& rule = *r.rule;
    for (const AddressBlock& block : rule.to) {
      address(block, USHER_VEC_EXACT, r.bit);
    }
    for (const AddressBlock& block : rule.except_to) {
      address(block, USHER_VEC_EXACT_EXCEPT, r.bit);
    }
    for (const PortRange& range : rule.ports) {
      for (const PortBlock& block : port_blocks(range)) {
        builder_.add(usher_port_key(&key_, on_, block.port, block.length), USHER_VEC_EXACT, r.bit);
        kind_.lengths_port |= 1U << block.length;
      }
    }
    for (const std::uint8_t protocol : rule.protocols) {
      builder_.add(usher_protocol_key(&key_, on_, protocol), USHER_VEC_EXACT, r.bit);
    }
    if (rule.to.empty()) {
      any_address.set(r.bit);
    }
    if (rule.ports.empty()) {
      any_port.set(r.bit);
    }
    if (rule.protocols.empty()) {
      any_protocol.set(r.bit);
    }
  }

 private:
  void path(const PathPattern& pattern, std::size_t bit, bool except, bool both_names) {
    const PathPattern read = read_merged(pattern, merged_);
    node(read, bit, except);
    if (both_names && read != pattern) {
      node(pattern, bit, except);
    }
  }

  void node(const PathPattern& pattern, std::size_t bit, bool except) {
    const std::uint32_t exact = except ? USHER_VEC_EXACT_EXCEPT : USHER_VEC_EXACT;
    const std::uint32_t tree = except ? USHER_VEC_TREE_EXCEPT : USHER_VEC_TREE;
    switch (pattern.form) {
      case Form::base:
        builder_.add(usher_base_key(&key_, on_, hash_name(key_, pattern.path)), exact, bit);
        kind_.flags |= USHER_KIND_BASE;
        return;
      case Form::exact:
      case Form::tree: {
        const std::uint64_t fold = walk(pattern.path);
        if (fold == usher_root(&key_, on_)) {
          kind_.flags &= ~USHER_KIND_PLAIN_ROOT;
        }
        builder_.add(fold, pattern.form == Form::tree ? tree : exact, bit);
        return;
      }
      case Form::prefix: {
        const std::size_t slash = pattern.path.rfind('/');
        const std::string_view begin = std::string_view(pattern.path).substr(slash + 1);
        const std::uint64_t directory = walk(std::string_view(pattern.path).substr(0, slash));
        builder_.add_prefix_length(usher_prefix_set_key(&key_, directory), begin.size());
        builder_.add(usher_prefix_key(&key_, directory, hash_name(key_, begin)), exact, bit);
        kind_.flags |= USHER_KIND_PREFIX;
        return;
      }
    }
  }

  // Makes a node of every directory on the way, the last one too; returns its fold.
  std::uint64_t walk(std::string_view path) {
    std::uint64_t fold = usher_root(&key_, on_);
    builder_.add_node(fold);
    for (auto name = take_component(path); !name.empty(); name = take_component(path)) {
      fold = usher_fold(&key_, fold, hash_name(key_, name));
      builder_.add_node(fold);
    }
    return fold;
  }

  void address(const AddressBlock& block, std::uint32_t slot, std::size_t bit) {
    const std::uint32_t length = block.length;
    if (block.v6) {
      const V6Halves halves = masked_v6(block.bytes, length);
      builder_.add(usher_v6_key(&key_, on_, halves.high, halves.low, length), slot, bit);
      kind_.lengths_v6[length / 64] |= std::uint64_t{1} << (length % 64);
    } else {
      builder_.add(usher_v4_key(&key_, on_, masked_v4(block.bytes, length), length), slot, bit);
      kind_.lengths_v4 |= std::uint64_t{1} << length;
    }
  }

  const usher_key& key_;
  std::uint32_t merged_;
  std::uint32_t on_;
  ImageBuilder& builder_;
  usher_kind& kind_;
};

}  // namespace

void add_nodes(const std::vector<BitRule>& rules, Operation on, const CompileInput& input,
               ImageBuilder& builder, usher_kind& kind) {
  NodeWriter writer(input, on, builder, kind);
  if (!rules.empty()) {
    kind.flags |= USHER_KIND_PLAIN_ROOT;  // until a rule speaks of it
  }
  RuleBits any_address;
  RuleBits any_port;
  RuleBits any_protocol;
  for (const BitRule& r : rules) {
    if (is_socket(on)) {
      writer.sockets(r, any_address, any_port, any_protocol);
    } else {
      writer.paths(r);
    }
    writer.from(r);
  }
  kind.vec_any_address = builder.vector(any_address);
  kind.vec_any_port = builder.vector(any_port);
  kind.vec_any_protocol = builder.vector(any_protocol);
}

}  // namespace usher::policy
