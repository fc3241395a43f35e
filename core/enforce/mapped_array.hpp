// A BPF_F_MMAPABLE array as memory, mapped where it is used: what is mapped counts as resident, so
// a large array that is mostly empty stays mostly unmapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace usher::enforce {

// Owns a range of addresses as long as the map; windows of it are mapped on demand. The map's
// descriptor is borrowed and must stay open.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Checks that the map's values have `value_size` bytes and that it holds `entries`.
  static Result<Mapping> open(int map_fd, std::string_view name, std::size_t value_size,
                              std::uint32_t entries);
  // Maps what of [offset, offset + length) is not mapped yet.
  Result<> ensure(std::size_t offset, std::size_t length);
  void* address() const { return address_; }

 private:
  std::string name_;
  int map_fd_ = -1;
  void* address_ = nullptr;
  std::size_t length_ = 0;
  std::vector<bool> mapped_;  // by window
};

// The kernel writes some fields of some maps: such fields are read and written with atomic_ref.
template <class T>
class MappedArray {
  static_assert(sizeof(T) % 8 == 0, "the kernel rounds an array's values up to 8 bytes");

 public:
  // Nothing is mapped yet.
  static Result<MappedArray> open(int map_fd, std::string_view name, std::uint32_t entries) {
    auto mapping = Mapping::open(map_fd, name, sizeof(T), entries);
    if (!mapping) {
      return std::unexpected(std::move(mapping.error()));
    }
    MappedArray array;
    array.mapping_ = std::move(*mapping);
    array.entries_ = entries;
    array.map_fd_ = map_fd;
    return array;
  }

  // Before these entries are touched for the first time.
  Result<> ensure(std::uint32_t first, std::uint32_t count) {
    return mapping_.ensure(sizeof(T) * first, sizeof(T) * count);
  }
  Result<> ensure_all() { return ensure(0, entries_); }

  // All entries; those that were not ensured must not be touched.
  std::span<T> span() const { return {static_cast<T*>(mapping_.address()), entries_}; }
  T& operator[](std::size_t index) const { return span()[index]; }
  std::uint32_t size() const { return entries_; }
  int map_fd() const { return map_fd_; }

 private:
  Mapping mapping_;
  std::uint32_t entries_ = 0;
  int map_fd_ = -1;
};

}  // namespace usher::enforce
