// Profiles in the kernel's memory: written once, never changed, their cells reused only when no
// program can still read them.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "enforce/arena.hpp"
#include "enforce/grace.hpp"
#include "enforce/mapped_array.hpp"
#include "policy/compile.hpp"
#include "usher_bpf.h"

namespace usher::enforce {

// On the owner's thread. A profile lives while a workload refers to it (refer/unrefer) or its
// publisher has not retired it.
class Profiles {
 public:
  // All three must outlive it.
  Profiles(MappedArray<usher_cell>& cells, MappedArray<usher_profile>& headers, Grace& grace);

  // Takes over the profiles that `referred` names; every other header is cleared. No program may
  // be reading those others: wait for a grace period first. Each taken over counts as published
  // and one time referred to by each mention. An error when a header makes no sense.
  Result<> adopt(const std::vector<std::uint32_t>& referred);

  // The cells, then the header, then both read back. Blocks for a grace period when the room it
  // needs is only waiting for one. Errors: no room, no free index, what is read differs.
  Result<std::uint32_t> publish(const policy::ProfileImage& image);
  // Given back once nothing refers to it and a grace period has gone by. Profile 0 (no rules) and
  // an index that is not published are ignored.
  void retire(std::uint32_t index);

  bool published(std::uint32_t index) const;
  void refer(std::uint32_t index);
  void unrefer(std::uint32_t index);

  // Of a published profile; all zero for any other index.
  const usher_profile& header(std::uint32_t index) const;
  // Only the cells of published profiles may be touched.
  std::span<const usher_cell> cells() const { return cells_.span(); }
  std::uint32_t cells_used() const { return arena_.used(); }

 private:
  enum class State : std::uint8_t { free, live, retired, waiting };
  struct Entry {
    State state = State::free;
    std::uint32_t references = 0;
    Extent extent;
    std::uint64_t ticket = 0;
  };

  Result<> clear_headers_of_others();
  Result<> write(std::uint32_t index, Extent extent, const usher_profile& header,
                 std::span<const usher_cell> cells);
  void give_back_if_unused(std::uint32_t index);
  void collect();
  std::optional<Extent> find_room(std::uint32_t count);
  std::optional<std::uint32_t> free_index() const;
  Result<> read_back(std::uint32_t index, Extent extent, const usher_profile& header,
                     std::span<const usher_cell> cells) const;

  MappedArray<usher_cell>& cells_;
  MappedArray<usher_profile>& headers_;
  Grace& grace_;
  Arena arena_;
  std::vector<Entry> entries_;
  std::set<std::uint32_t> waiting_;
  std::uint32_t generation_ = 0;
};

}  // namespace usher::enforce
