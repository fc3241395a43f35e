#include "base/kernel_file.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include "base/fd.hpp"
#include "base/file.hpp"

namespace usher {

Result<std::string> read_kernel_file(const char* type, const char* mount_point, const char* file) {
  constexpr std::size_t kLimit = 4096;
  if (auto text = read_file(std::filesystem::path(mount_point) / file, kLimit)) {
    return text;
  }
  const Fd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return fail_system(std::string("cannot open the file system ") + type);
  }
  const Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) {
    return fail_system(std::string("cannot look into the file system ") + type);
  }
  const Fd opened(::openat(mount.get(), file, O_RDONLY | O_CLOEXEC));
  if (!opened) {
    return fail_system(std::string("cannot open ") + file + " of " + type);
  }
  return read_all(opened.get(), kLimit, file);
}

}  // namespace usher
