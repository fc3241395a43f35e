#include "base/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.hpp"

namespace usher {

Result<Fd> hold_lock_file(const std::filesystem::path& path, std::string_view who,
                          std::string_view remedy) {
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) {
    return fail_system("cannot open the lock file " + path.native());
  }
  const std::string failed = "cannot lock " + path.native();
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return fail_system(failed);
    }
    auto holder = read_all(lock.get(), 64, path.native()).value_or("");
    holder.erase(holder.find_last_not_of('\n') + 1);
    return fail(failed + ": " + std::string(who) + " (pid " +
                    (holder.empty() ? "unknown" : holder) + ") " + std::string(remedy),
                EWOULDBLOCK);
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail_system("cannot write our pid to " + path.native());
  }
  return lock;
}

}  // namespace usher
