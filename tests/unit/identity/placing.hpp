// What tests of place() share.
#pragma once

#include <fcntl.h>

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>

#include "identity/placement.hpp"
#include "live_processes.hpp"

namespace usher::test {

inline void refuses(int pid, const std::string& because) {
  const auto placement =
      identity::place(pid, identity::PlacementOptions{.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(!placement.has_value());
  BOOST_TEST(placement.error().message.find(because) != std::string::npos,
             placement.error().message);
}

// A child that has a child of its own, which pauses until this ends.
class Parent {
 public:
  Parent() {
    int out[2];
    BOOST_REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    child_.emplace(CLONE_NEWNS, [&] {
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::pause();
        ::_exit(0);
      }
      (void)!::write(out[1], &pid, sizeof pid);
    });
    BOOST_REQUIRE(::read(out[0], &below_, sizeof below_) == sizeof below_);
    ::close(out[0]);
    ::close(out[1]);
  }
  ~Parent() { ::kill(below_, SIGKILL); }
  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;

  pid_t pid() const { return child_->pid(); }
  pid_t below() const { return below_; }

 private:
  std::optional<Child> child_;
  pid_t below_ = 0;
};

}  // namespace usher::test
