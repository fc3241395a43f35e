#include "enforce/arena.hpp"

#include <algorithm>
#include <cassert>

namespace usher::enforce {

Arena::Arena(std::uint32_t cells) : cells_(cells) {
  if (cells > 1) {
    free_.emplace(1, cells - 1);
  }
}

std::optional<Extent> Arena::allocate(std::uint32_t count) {
  if (count == 0) {
    return std::nullopt;
  }
  const auto run =
      std::ranges::find_if(free_, [count](const auto& entry) { return entry.second >= count; });
  if (run == free_.end()) {
    return std::nullopt;
  }
  const Extent taken{run->first, count};
  reserve(taken);
  return taken;
}

bool Arena::reserve(Extent extent) {
  if (extent.count == 0) {
    return false;
  }
  auto run = free_.upper_bound(extent.base);
  if (run == free_.begin()) {
    return false;
  }
  --run;
  const auto [base, count] = *run;
  const std::uint64_t end = std::uint64_t{extent.base} + extent.count;
  const std::uint64_t run_end = std::uint64_t{base} + count;
  if (end > run_end) {
    return false;
  }
  free_.erase(run);
  if (extent.base > base) {
    free_.emplace(base, extent.base - base);
  }
  if (end < run_end) {
    free_.emplace(static_cast<std::uint32_t>(end), static_cast<std::uint32_t>(run_end - end));
  }
  used_ += extent.count;
  return true;
}

void Arena::release(Extent extent) {
  auto [run, inserted] = free_.emplace(extent.base, extent.count);
  assert(inserted);
  used_ -= extent.count;
  if (const auto next = std::next(run);
      next != free_.end() && next->first == run->first + run->second) {
    run->second += next->second;
    free_.erase(next);
  }
  if (run != free_.begin()) {
    const auto previous = std::prev(run);
    if (previous->first + previous->second == run->first) {
      previous->second += run->second;
      free_.erase(run);
    }
  }
}

std::uint32_t Arena::largest_free() const {
  std::uint32_t largest = 0;
  for (const auto& [base, count] : free_) {
    largest = std::max(largest, count);
  }
  return largest;
}

Extent extent_of(const usher_profile& header) {
  std::uint64_t begin = UINT64_MAX;
  std::uint64_t end = 0;
  const auto add = [&](std::uint32_t base, std::uint64_t count) {
    if (count > 0) {
      begin = std::min<std::uint64_t>(begin, base);
      end = std::max(end, base + count);
    }
  };
  add(header.table, header.table == 0 ? 0 : std::uint64_t{header.mask} + 1);
  add(header.vectors, header.vectors == 0 ? 0 : header.nvectors);
  for (const usher_kind& kind : header.kind) {
    add(kind.rule_ids, (std::uint64_t{kind.rules} + 15) / 16);
  }
  if (end == 0 || end > UINT32_MAX) {
    return {};
  }
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
}

}  // namespace usher::enforce
