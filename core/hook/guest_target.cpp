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
  if (!fd && errno == ESRCH) {
    return fail_system("cannot hold on to " + named + " of the container's state");
  }
  if (!fd) {
    // Its number is its own: it waits for this hook, and its parent for both.
    const int why = errno;
    const bool killed = ::kill(static_cast<pid_t>(pid), SIGKILL) == 0;
    return fail_system("cannot hold on to " + named + " of the container's state" +
                           (killed ? ", which was killed" : ", nor kill it: it may run"),
                       why);
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
