#include "install/apart.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "install/exec_words.hpp"

namespace usher::install {
namespace {

enum class Step : int { none, namespaces, view, program };

struct Failed {
  Step step = Step::none;
  int code = 0;
};

// Without it nothing can be bound to 127.0.0.1. Whoever misses it says so.
void raise_loopback() {
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::memcpy(loopback.ifr_name, "lo", 3);
  loopback.ifr_flags = IFF_UP;
  ::ioctl(any, SIOCSIFFLAGS, &loopback);
  ::close(any);
}

struct Plan {
  char* const* arguments;
  char* const* environment;
  int out;
  int err;
  pid_t parent;
  const std::vector<Apart::View>* views;
};

// Between fork and exec: system calls alone.
Failed become(const Plan& plan) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) {
    ::_exit(1);  // it is over already
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return {Step::namespaces, errno};
  }
  raise_loopback();
  for (const auto& view : *plan.views) {
    if (::mount(view.here.c_str(), view.over.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return {Step::view, errno};
    }
  }
  const int input = ::open("/dev/null", O_RDONLY);
  if (input < 0 || ::dup2(input, STDIN_FILENO) < 0 || ::dup2(plan.out, STDOUT_FILENO) < 0 ||
      ::dup2(plan.err, STDERR_FILENO) < 0) {
    return {Step::program, errno};
  }
  ::execve(plan.arguments[0], plan.arguments, plan.environment);
  return {Step::program, errno};
}

Error explained(const Failed& failed) {
  switch (failed.step) {
    case Step::namespaces:
      return system_error("no mounts and network of its own for it", failed.code,
                          "run this as root with CAP_SYS_ADMIN");
    case Step::view:
      return system_error("it cannot be shown the new file in the old one's place", failed.code);
    default:
      return system_error(
          "it cannot be run", failed.code,
          failed.code == EACCES ? "is it executable, and its mount not noexec?" : "");
  }
}

}  // namespace

Result<Apart> Apart::start(std::vector<std::string> arguments, std::vector<std::string> environment,
                           int out, int err, const std::vector<View>& views) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_system("no pipe for its start");
  }
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const auto words = exec_words(arguments);
  const auto variables = exec_words(environment);
  const Plan plan{words.data(), variables.data(), out, err, ::getpid(), &views};
  const pid_t pid = ::fork();
  if (pid < 0) {
    return fail_system("no process for it");
  }
  if (pid == 0) {
    const Failed failed = become(plan);
    const auto sent = ::write(write_end.get(), &failed, sizeof failed);
    ::_exit(sent == sizeof failed ? 127 : 126);
  }
  write_end.reset();
  Apart started(pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  Failed failed;
  ssize_t got = 0;
  while ((got = ::read(read_end.get(), &failed, sizeof failed)) < 0 && errno == EINTR) {
  }
  if (got == sizeof failed) {
    return std::unexpected(explained(failed));
  }
  return started;
}

Apart::Apart(Apart&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      process_(std::move(other.process_)),
      status_(other.status_) {}

Apart::~Apart() {
  if (pid_ == 0) {
    return;
  }
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // where it was not the group's head yet
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> Apart::ended(std::chrono::milliseconds time) {
  if (pid_ == 0) {
    return status_;
  }
  pollfd over{process_.get(), POLLIN, 0};
  ::poll(&over, 1, static_cast<int>(time.count()));
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) {
    return std::nullopt;
  }
  ::kill(-pid_, SIGKILL);  // what it has started
  pid_ = 0;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

}  // namespace usher::install
