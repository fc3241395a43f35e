// Stands for a containerd that runs on a node under a prefix: a process of that name with the
// node's root directory, until this goes. It serves nothing.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <string>

namespace usher::test::containerd {

inline bool can_run_containerd() {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: a process with another root directory takes root");
    return false;
  }
  return true;
}

class RunningContainerd {
 public:
  // With the default configuration. Returns when it can be seen.
  explicit RunningContainerd(const std::filesystem::path& root) : RunningContainerd(root, "", "") {}
  // With `config`, as the program at `program`, on the node: a busybox, which is copied there.
  RunningContainerd(const std::filesystem::path& root, const std::string& program,
                    const std::string& config) {
    if (!program.empty()) {
      const auto there = root.native() + program;
      std::filesystem::create_directories(std::filesystem::path(there).parent_path());
      std::filesystem::copy_file("/bin/busybox", there,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    int ready[2];
    BOOST_REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      be_it(root.c_str(), program, config, ready[1]);
    }
    ::close(ready[1]);
    char byte = 0;
    while (::read(ready[0], &byte, 1) < 0 && errno == EINTR) {
    }
    ::close(ready[0]);
    BOOST_REQUIRE(pid_ > 0);
    BOOST_REQUIRE(byte == 0);
  }
  RunningContainerd(const RunningContainerd&) = delete;
  RunningContainerd& operator=(const RunningContainerd&) = delete;
  ~RunningContainerd() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] static void be_it(const char* root, const std::string& program,
                                 const std::string& config, int ready) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::chroot(root) == 0 && ::chdir("/") == 0) {
      if (program.empty()) {
        ::prctl(PR_SET_NAME, "containerd");
        ::close(ready);
        for (;;) {
          ::pause();
        }
      }
      // Its sh, which stops itself; the last option is the configuration that counts.
      const std::string option = "--config=" + config;
      ::execl(program.c_str(), "sh", "-c", "kill -STOP $$", option.c_str(), nullptr);
    }
    (void)!::write(ready, "x", 1);
    ::_exit(1);
  }

  pid_t pid_ = -1;
};

}  // namespace usher::test::containerd
