#include "hook/guest_target.hpp"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace usher::hook {

Result<Target> Target::open(std::int64_t pid) {
  const std::string named = "process " + std::to_string(pid);
  if (pid <= 1 || pid == ::getpid() || pid == ::getppid()) {
    return fail(named + " of the container's state is none that becomes a container");
  }
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) {
    return fail_system("cannot hold on to " + named + " of the container's state");
  }
  return Target(std::move(fd));
}

Result<> Target::kill() const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return fail_system("cannot kill the container's process");
  }
  return {};
}

}  // namespace usher::hook
