#include "enforce/mapped_array.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

namespace usher::enforce {

namespace {

// Of whole pages. Each window is a mapping of its own to the kernel: not too small.
constexpr std::size_t kWindow = std::size_t{256} << 10;

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept {
  *this = std::move(other);
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(map_fd_, other.map_fd_);
  std::swap(address_, other.address_);
  std::swap(length_, other.length_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

Mapping::~Mapping() {
  if (address_ != nullptr) {
    ::munmap(address_, length_);
  }
}

Result<Mapping> Mapping::open(int map_fd, std::string_view name, std::size_t value_size,
                              std::uint32_t entries) {
  bpf_map_info info{};
  __u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(map_fd, &info, &size) != 0) {
    return fail_system(fmt::format("cannot read what the map {} is", name));
  }
  if (info.value_size != value_size || info.max_entries != entries ||
      (info.map_flags & BPF_F_MMAPABLE) == 0) {
    return fail(fmt::format(
        "the map {} has {} values of {} bytes, {} of {} were expected: it belongs to another "
        "version of usher; tear that one down first (usherd --teardown)",
        name, info.max_entries, info.value_size, entries, value_size));
  }
  Mapping mapping;
  mapping.name_ = name;
  mapping.map_fd_ = map_fd;
  constexpr std::size_t kPage = 4096;
  mapping.length_ = (value_size * entries + kPage - 1) / kPage * kPage;
  mapping.mapped_.resize((mapping.length_ + kWindow - 1) / kWindow);
  void* address = ::mmap(nullptr, mapping.length_, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return fail_system(
        fmt::format("cannot reserve {} bytes of addresses for the map {}", mapping.length_, name));
  }
  mapping.address_ = address;
  return mapping;
}

Result<> Mapping::ensure(std::size_t offset, std::size_t length) {
  if (length == 0) {
    return {};
  }
  for (std::size_t window = offset / kWindow; window <= (offset + length - 1) / kWindow; ++window) {
    if (mapped_[window]) {
      continue;
    }
    const std::size_t begin = window * kWindow;
    const std::size_t size = std::min(kWindow, length_ - begin);
    if (::mmap(static_cast<char*>(address_) + begin, size, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_FIXED, map_fd_, static_cast<off_t>(begin)) == MAP_FAILED) {
      return fail_system(fmt::format("cannot map {} bytes of the map {}", size, name_));
    }
    mapped_[window] = true;
  }
  return {};
}

}  // namespace usher::enforce
