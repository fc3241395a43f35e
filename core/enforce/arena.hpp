// Who owns which cells of the arena. Pure bookkeeping: touches no memory of the kernel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "usher_bpf.h"

namespace usher::enforce {

// A run of neighbouring cells.
struct Extent {
  std::uint32_t base = 0;
  std::uint32_t count = 0;
  bool operator==(const Extent&) const = default;
};

// First fit over a list of free runs; runs that touch are joined. Cell 0 is never handed out: a
// zeroed header points at it, and it stays zero.
class Arena {
 public:
  explicit Arena(std::uint32_t cells);

  // Nothing when no run is long enough, or when `count` is 0.
  std::optional<Extent> allocate(std::uint32_t count);
  // Takes the very cells of a profile that is found in the kernel. False when a cell is outside the
  // arena or taken already; nothing changes then.
  bool reserve(Extent extent);
  // `extent` must have come from allocate or reserve, whole.
  void release(Extent extent);

  std::uint32_t used() const { return used_; }
  std::uint32_t capacity() const { return cells_; }
  std::uint32_t largest_free() const;

 private:
  std::uint32_t cells_;
  std::uint32_t used_ = 0;
  std::map<std::uint32_t, std::uint32_t> free_;  // base -> count
};

// The cells that a placed header refers to, from the lowest to the highest.
Extent extent_of(const usher_profile& header);

}  // namespace usher::enforce
