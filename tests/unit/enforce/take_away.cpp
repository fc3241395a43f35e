// Takes from a process what a container is not given.
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_fixture.hpp"

namespace usher::enforce::testing {

namespace {

bool drop_capability(unsigned number) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  if (::syscall(SYS_capget, &header, data) != 0) {
    return false;
  }
  auto& word = data[number / 32];
  const __u32 others = ~(1U << number % 32);
  word.effective &= others;
  word.permitted &= others;
  word.inheritable &= others;
  return ::prctl(PR_CAPBSET_DROP, number) == 0 && ::syscall(SYS_capset, &header, data) == 0;
}

// Goes on in a child that is the first of a new pid namespace, and ends as it ended.
bool enter_pid_namespace() {
  if (::unshare(CLONE_NEWPID) != 0) {
    return false;
  }
  const pid_t child = ::fork();
  if (child <= 0) {
    return child == 0;
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    ::kill(::getpid(), WTERMSIG(status));
  }
  ::_exit(WEXITSTATUS(status));
}

}  // namespace

bool take_away(Lacks what) {
  switch (what) {
    case Lacks::nothing:
      return true;
    case Lacks::sys_admin:
      return drop_capability(CAP_SYS_ADMIN);
    case Lacks::sys_ptrace:
      return drop_capability(CAP_SYS_PTRACE);
    case Lacks::pid_namespace:
      return enter_pid_namespace();
  }
  return false;
}

}  // namespace usher::enforce::testing
