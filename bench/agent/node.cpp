#include "node.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "base/fd.hpp"

namespace usher::bench {

Result<Node> Node::start(const std::filesystem::path& cgroup, int containers,
                         const std::filesystem::path& root) {
  Node node(cgroup);
  std::error_code failed;
  std::filesystem::create_directories(cgroup, failed);
  if (failed) {
    return fail("cannot make " + cgroup.string() + ": " + failed.message(), failed.value());
  }
  for (int i = 0; i < containers; ++i) {
    if (auto added = node.add(i, root); !added) {
      return std::unexpected(added.error());
    }
  }
  return node;
}

Result<> Node::add(int index, const std::filesystem::path& root) {
  const auto directory = cgroup_ / ("c" + std::to_string(index));
  std::error_code failed;
  std::filesystem::create_directory(directory, failed);
  const Fd cgroup(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup) {
    return fail_system("cannot open " + directory.string());
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_system("cannot make a pipe");
  }
  const Fd ready(ends[0]);
  Fd says(ends[1]);
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP | CLONE_NEWNS | CLONE_NEWPID;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<std::uint64_t>(cgroup.get());
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid < 0) {
    return fail_system("cannot start container " + std::to_string(index));
  }
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!root.empty() && ::chroot(root.c_str()) != 0) {
      ::_exit(1);
    }
    says.reset();
    for (;;) {
      ::pause();
    }
  }
  pids_.push_back(pid);
  says.reset();
  char none = 0;
  while (::read(ready.get(), &none, 1) < 0 && errno == EINTR) {
  }
  return {};
}

Node::Node(Node&& other) noexcept
    : cgroup_(std::exchange(other.cgroup_, {})), pids_(std::exchange(other.pids_, {})) {}

Node::~Node() {
  for (const pid_t pid : pids_) {
    ::kill(pid, SIGKILL);
  }
  for (const pid_t pid : pids_) {
    ::waitpid(pid, nullptr, 0);
  }
  if (cgroup_.empty()) {
    return;
  }
  std::error_code ignored;
  for (std::size_t i = 0; i <= pids_.size(); ++i) {
    ::rmdir((cgroup_ / ("c" + std::to_string(i))).c_str());
  }
  ::rmdir(cgroup_.c_str());
}

}  // namespace usher::bench
