// A BPF_F_MMAPABLE array as memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace usher::enforce {

// Owns one shared mapping.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)),
        length_(std::exchange(other.length_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(length_, other.length_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Maps `length` bytes of the map, rounded up to whole pages. Checks that the map's values have
  // `value_size` bytes and that it holds `entries`.
  static Result<Mapping> open(int map_fd, std::string_view name, std::size_t value_size,
                              std::uint32_t entries);
  void* address() const { return address_; }

 private:
  void* address_ = nullptr;
  std::size_t length_ = 0;
};

// The kernel writes some fields of some maps: such fields are read and written with atomic_ref.
template <class T>
class MappedArray {
  static_assert(sizeof(T) % 8 == 0, "the kernel rounds an array's values up to 8 bytes");

 public:
  static Result<MappedArray> open(int map_fd, std::string_view name, std::uint32_t entries) {
    auto mapping = Mapping::open(map_fd, name, sizeof(T), entries);
    if (!mapping) {
      return std::unexpected(std::move(mapping.error()));
    }
    MappedArray array;
    array.mapping_ = std::move(*mapping);
    array.entries_ = entries;
    return array;
  }

  std::span<T> span() const { return {static_cast<T*>(mapping_.address()), entries_}; }
  T& operator[](std::size_t index) const { return span()[index]; }

 private:
  Mapping mapping_;
  std::uint32_t entries_ = 0;
};

}  // namespace usher::enforce
