#include "policy/image_builder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "usher_hash.h"

namespace usher::policy {
namespace {

constexpr std::size_t kNodesPerBucket = 4;
constexpr int kSaltsPerSize = 8;

struct Table {
  std::uint32_t mask = 0;
  std::uint64_t salt = 0;
  std::vector<usher_cell> cells;
};

// Empty when some bucket overflows under this salt.
std::vector<usher_cell> try_salt(const std::vector<usher_node>& nodes, std::uint64_t salt,
                                 std::uint32_t mask) {
  std::vector<std::uint8_t> used(std::size_t{mask} + 1);
  for (const usher_node& node : nodes) {
    if (used[usher_bucket_of(node.key, salt, mask)]++ == kNodesPerBucket) {
      return {};
    }
  }
  std::vector<usher_cell> cells(std::size_t{mask} + 1, usher_cell{});
  std::ranges::fill(used, std::uint8_t{0});
  for (const usher_node& node : nodes) {
    const std::uint32_t at = usher_bucket_of(node.key, salt, mask);
    cells[at].bucket.node[used[at]++] = node;
  }
  return cells;
}

// At most half an entry a bucket on average: a miss, the common case, then reads one cache line.
Result<Table> lay_out(const std::vector<usher_node>& nodes, const usher_key& key) {
  std::size_t buckets = std::bit_ceil(std::max<std::size_t>(1, nodes.size() * 2));
  std::uint64_t salt = key.seed;
  for (; buckets <= USHER_ARENA_CELLS; buckets *= 2) {
    for (int attempt = 0; attempt < kSaltsPerSize; ++attempt) {
      salt = usher_fold(&key, salt, static_cast<std::uint64_t>(attempt) + 1);
      const auto mask = static_cast<std::uint32_t>(buckets - 1);
      if (auto cells = try_salt(nodes, salt, mask); !cells.empty()) {
        return Table{mask, salt, std::move(cells)};
      }
    }
  }
  return fail("the rules name " + std::to_string(nodes.size()) +
              " paths, directories and address blocks, which does not fit the kernel's table of " +
              std::to_string(USHER_ARENA_CELLS) +
              " cells: name directories instead of files, or split the policies' selectors");
}

}  // namespace

std::uint16_t ImageBuilder::vector(const RuleBits& bits) {
  if (!bits.any()) {
    return 0;
  }
  const auto found = vector_index_.find(bits);
  if (found != vector_index_.end()) {
    return found->second;
  }
  if (vectors_.size() > std::numeric_limits<std::uint16_t>::max()) {
    vectors_full_ = true;
    return 0;
  }
  const auto index = static_cast<std::uint16_t>(vectors_.size());
  vectors_.push_back(bits);
  vector_index_.emplace(bits, index);
  return index;
}

std::uint32_t ImageBuilder::add_rule_ids(const std::vector<std::uint32_t>& ids) {
  const auto position = static_cast<std::uint32_t>(rule_ids_.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % std::size(usher_cell{}.rule_id) == 0) {
      rule_ids_.emplace_back();
    }
    rule_ids_.back().rule_id[i % std::size(usher_cell{}.rule_id)] = ids[i];
  }
  return position;
}

std::vector<usher_node> ImageBuilder::nodes() {
  std::ranges::sort(entries_, {}, &Entry::key);
  std::vector<usher_node> out;
  for (std::size_t i = 0; i < entries_.size();) {
    const std::uint64_t key = entries_[i].key;
    std::array<RuleBits, 4> bits;
    for (; i < entries_.size() && entries_[i].key == key; ++i) {
      if (entries_[i].bit != kNoBit) {
        bits[entries_[i].slot].set(entries_[i].bit);
      }
    }
    usher_node node{.key = key, .vec = {}};
    for (std::size_t slot = 0; slot < bits.size(); ++slot) {
      node.vec[slot] = vector(bits[slot]);
    }
    out.push_back(node);
  }
  for (const auto& [key, lengths] : prefix_sets_) {
    usher_node node{.key = key, .vec = {}};
    for (std::size_t i = 0; i < 4; ++i) {
      node.vec[i] = static_cast<std::uint16_t>(lengths >> (16 * i));
    }
    out.push_back(node);
  }
  return out;
}

Result<ProfileImage> ImageBuilder::finish(usher_profile header) {
  auto table = lay_out(nodes(), key_);
  if (!table) {
    return std::unexpected(table.error());
  }
  if (vectors_full_) {
    return fail(
        "the rules meet in more than 65535 different combinations: "
        "let fewer rules name the same directories");
  }
  ProfileImage image;
  image.cells = std::move(table->cells);
  header.table = 0;
  header.mask = table->mask;
  header.salt = table->salt;
  header.vectors = static_cast<std::uint32_t>(image.cells.size());
  header.nvectors = static_cast<std::uint32_t>(vectors_.size());
  for (const RuleBits& bits : vectors_) {
    image.cells.push_back(usher_cell{.vec = bits.vec()});
  }
  const auto ids_at = static_cast<std::uint32_t>(image.cells.size());
  for (usher_kind& kind : header.kind) {
    kind.rule_ids += ids_at;
  }
  image.cells.insert(image.cells.end(), rule_ids_.begin(), rule_ids_.end());
  if (image.cells.size() > USHER_ARENA_CELLS) {
    return fail("the profile needs " + std::to_string(image.cells.size()) + " cells of " +
                std::to_string(USHER_ARENA_CELLS) +
                ": name directories instead of files, or split the policies' selectors");
  }
  image.header = header;
  return image;
}

}  // namespace usher::policy
