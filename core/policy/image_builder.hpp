// Collects what a profile's table holds and lays it out in cells. Internal to the compiler.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "policy/compile.hpp"
#include "policy/rule_bits.hpp"

namespace usher::policy {

class ImageBuilder {
 public:
  explicit ImageBuilder(const usher_key& key) : key_(key) { vectors_.emplace_back(); }

  // A node with this key exists; its vectors may stay empty (an ancestor directory of a rule).
  void add_node(std::uint64_t key) { entries_.push_back({key, 0, kNoBit}); }
  // Rule `bit` is in vector `slot` (USHER_VEC_*) of the node.
  void add(std::uint64_t key, std::uint32_t slot, std::size_t bit) {
    entries_.push_back({key, slot, static_cast<std::uint32_t>(bit)});
  }
  // A prefix-set node: `length` is 1..63.
  void add_prefix_length(std::uint64_t key, std::size_t length) {
    prefix_sets_[key] |= std::uint64_t{1} << length;
  }
  // The index of a vector with these bits; 0 for none. Equal vectors are kept once.
  std::uint16_t vector(const RuleBits& bits);
  // Position of this kind's ids among the rule id cells, made final by finish().
  std::uint32_t add_rule_ids(const std::vector<std::uint32_t>& ids);

  // Cells: buckets, vectors, rule ids. Sets table, mask, salt, vectors, nvectors and shifts
  // kind[].rule_ids. An error when the table or its vectors outgrow the arena.
  Result<ProfileImage> finish(usher_profile header);

 private:
  static constexpr std::uint32_t kNoBit = USHER_MAX_RULES;
  struct Entry {
    std::uint64_t key;
    std::uint32_t slot;
    std::uint32_t bit;
  };
  std::vector<usher_node> nodes();

  usher_key key_;
  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, std::uint64_t> prefix_sets_;
  std::vector<RuleBits> vectors_;
  std::unordered_map<RuleBits, std::uint16_t, RuleBitsHash> vector_index_;
  bool vectors_full_ = false;
  std::vector<usher_cell> rule_ids_;
};

}  // namespace usher::policy
