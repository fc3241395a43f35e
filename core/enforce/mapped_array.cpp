#include "enforce/mapped_array.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace usher::enforce {

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
  if (info.value_size != value_size || info.max_entries < entries ||
      (info.map_flags & BPF_F_MMAPABLE) == 0) {
    return fail(fmt::format(
        "the map {} has {} values of {} bytes, {} of {} were expected: it belongs to another "
        "version of usher; tear that one down first (usherd --teardown)",
        name, info.max_entries, info.value_size, entries, value_size));
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t length = (value_size * entries + page - 1) / page * page;
  void* address = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (address == MAP_FAILED) {
    return fail_system(fmt::format("cannot map {} bytes of the map {}", length, name));
  }
  Mapping mapping;
  mapping.address_ = address;
  mapping.length_ = length;
  return mapping;
}

}  // namespace usher::enforce
