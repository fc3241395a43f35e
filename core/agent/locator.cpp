#include "agent/locator.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <ctime>

#include "base/file.hpp"
#include "identity/cgroup_path.hpp"
#include "identity/membership.hpp"
#include "identity/placement.hpp"

namespace usher::agent {

namespace {

std::string path_of_self() {
  const auto text = read_file("/proc/self/cgroup", 64U << 10);
  return text ? identity::unified_path(*text).value_or("") : "";
}

std::uint64_t id_of(const std::string& directory) {
  struct stat found{};
  return ::stat(directory.c_str(), &found) == 0 ? found.st_ino : 0;
}

// A cgroup of which only the id is known: kernfs takes the id as a file handle.
bool id_exists(const std::filesystem::path& root, std::uint64_t id) {
  constexpr int kKernfsHandle = 0xfe;  // FILEID_KERNFS in linux/exportfs.h
  const Fd mount(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + sizeof id> buffer{};
  auto* handle = reinterpret_cast<file_handle*>(buffer.data());
  handle->handle_bytes = sizeof id;
  handle->handle_type = kKernfsHandle;
  std::memcpy(handle->f_handle, &id, sizeof id);
  const Fd found(::open_by_handle_at(mount.get(), handle, O_PATH | O_CLOEXEC));
  return static_cast<bool>(found);
}

}  // namespace

Locator machine_locator(const std::filesystem::path& cgroup_root) {
  const auto own = path_of_self();
  const identity::PlacementOptions at_gate{.cgroup_root = cgroup_root};
  identity::PlacementOptions running = at_gate;
  running.running = true;
  return {
      .place = [at_gate](int pid) { return identity::place(pid, at_gate); },
      .merged = [](const identity::OciState& state) -> Result<std::uint32_t> {
        const auto rootfs = identity::rootfs_of(state);
        if (!rootfs) {
          return std::unexpected(rootfs.error());
        }
        return identity::merged_directories(*rootfs);
      },
      .place_running = [running](int pid) { return identity::place(pid, running); },
      .process_in =
          [running](std::string_view path) { return identity::process_in(path, running); },
      .merged_of = [running](int pid) { return identity::merged_of_process(pid, running); },
      .init_in =
          [at_gate](std::string_view path) { return identity::init_process_in(path, at_gate); },
      .noticed_root =
          [at_gate](const std::string& said, const std::string& cgroups_path, int pid) {
            return identity::noticed_root(said, cgroups_path, pid, at_gate);
          },
      .exists =
          [cgroup_root](const identity::Placement& placement) {
            if (placement.cgroup_path.empty()) {
              return id_exists(cgroup_root, placement.cgroup_id);
            }
            struct stat found{};
            const auto path = cgroup_root.string() + placement.cgroup_path;
            return ::stat(path.c_str(), &found) == 0 && found.st_ino == placement.cgroup_id;
          },
      .shares_mntns =
          [](const identity::Placement& placement) {
            return identity::mount_namespace_shared(placement.mntns, placement.cgroup_path,
                                                    "/proc");
          },
      .now = [] { return static_cast<std::int64_t>(std::time(nullptr)); },
      .own_cgroup = own.empty() ? 0 : id_of(cgroup_root.string() + own),
      .own_container = identity::owner_of(own).container_id,
  };
}

}  // namespace usher::agent
