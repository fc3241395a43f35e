// Cgroups made for the test and processes that it forks, for what asks the real kernel.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "base/fd.hpp"

namespace usher::test {

namespace fs = std::filesystem;

inline fs::path cgroup2_mount() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, where, type, rest; mounts >> device >> where >> type;) {
    std::getline(mounts, rest);
    if (type == "cgroup2") {
      return where;
    }
  }
  return {};
}

inline bool can_run() {
  return ::geteuid() == 0 && !cgroup2_mount().empty() &&
         ::access(cgroup2_mount().c_str(), W_OK) == 0;
}

inline bool skipped() {
  if (can_run()) {
    return false;
  }
  BOOST_TEST_MESSAGE("SKIPPED: needs root and a writable cgroup2 mount");
  return true;
}

class Cgroup {
 public:
  explicit Cgroup(const std::string& name)
      : path_("/usher-test-" + std::to_string(::getpid()) + name) {
    fs::create_directory(directory());
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup() {
    std::ofstream(directory() / "cgroup.kill") << 1;
    const usher::Fd events(::open((directory() / "cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 256> text{};
    for (ssize_t n = 1; n > 0;) {
      n = ::pread(events.get(), text.data(), text.size() - 1, 0);
      if (n <= 0 || std::strstr(text.data(), "populated 0") != nullptr) {
        break;
      }
      pollfd changed{events.get(), POLLPRI, 0};
      ::poll(&changed, 1, 5000);
    }
    ::rmdir(directory().c_str());
  }

  const std::string& path() const { return path_; }
  fs::path directory() const { return cgroup2_mount().native() + path_; }
  void add(pid_t pid) const { std::ofstream(directory() / "cgroup.procs") << pid; }

 private:
  std::string path_;
};

// A child that has done `prepare` and waits until it is killed.
class Child {
 public:
  explicit Child(int unshare_flags, const std::function<void()>& prepare = [] {}) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe");
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::unshare(unshare_flags) != 0) {
        ::_exit(1);
      }
      prepare();
      (void)!::write(ready[1], "x", 1);
      ::pause();
      ::_exit(0);
    }
    ::close(ready[1]);
    char done = 0;
    const bool ok = ::read(ready[0], &done, 1) == 1;
    ::close(ready[0]);
    if (!ok) {
      throw std::runtime_error("the child could not set up");
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

}  // namespace usher::test
