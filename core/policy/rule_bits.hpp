// One bit for each rule of a kind in a profile: a usher_vec with operators.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "usher_bpf.h"

namespace usher::policy {

class RuleBits {
 public:
  RuleBits() = default;
  explicit RuleBits(const usher_vec& vec) : vec_(vec) {}

  void set(std::size_t bit) { vec_.word[bit / 64] |= std::uint64_t{1} << (bit % 64); }
  bool test(std::size_t bit) const { return (vec_.word[bit / 64] >> (bit % 64) & 1U) != 0; }
  bool any() const { return first() != USHER_MAX_RULES; }
  // The lowest bit that is set, USHER_MAX_RULES when none is.
  std::size_t first() const {
    for (std::size_t i = 0; i < USHER_VEC_WORDS; ++i) {
      if (vec_.word[i] != 0) {
        return i * 64 + static_cast<std::size_t>(std::countr_zero(vec_.word[i]));
      }
    }
    return USHER_MAX_RULES;
  }
  const usher_vec& vec() const { return vec_; }

  RuleBits& operator|=(const RuleBits& o) {
    return combine(o, [](auto a, auto b) { return a | b; });
  }
  RuleBits& operator&=(const RuleBits& o) {
    return combine(o, [](auto a, auto b) { return a & b; });
  }
  friend RuleBits operator|(RuleBits a, const RuleBits& b) { return a |= b; }
  friend RuleBits operator&(RuleBits a, const RuleBits& b) { return a &= b; }
  RuleBits without(const RuleBits& o) const {
    RuleBits out = *this;
    return out.combine(o, [](auto a, auto b) { return a & ~b; });
  }
  friend bool operator==(const RuleBits& a, const RuleBits& b) {
    for (std::size_t i = 0; i < USHER_VEC_WORDS; ++i) {
      if (a.vec_.word[i] != b.vec_.word[i]) {
        return false;
      }
    }
    return true;
  }

 private:
  template <class F>
  RuleBits& combine(const RuleBits& o, F f) {
    for (std::size_t i = 0; i < USHER_VEC_WORDS; ++i) {
      vec_.word[i] = f(vec_.word[i], o.vec_.word[i]);
    }
    return *this;
  }

  usher_vec vec_{};
};

struct RuleBitsHash {
  std::size_t operator()(const RuleBits& bits) const {
    std::uint64_t h = 0;
    for (const auto word : bits.vec().word) {
      h = (std::rotl(h, 7) ^ word) * 0x9e3779b97f4a7c15ULL;
    }
    return static_cast<std::size_t>(h ^ (h >> 32));
  }
};

}  // namespace usher::policy
