// A container in small: a cgroup, a root directory with busybox and the probe in it, an enforcer
// that all containers of a test program share.
// What runs in it enters the cgroup and the root and then execs, as a runtime's init does.
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "enforce/enforcer.hpp"
#include "policy/policy.hpp"

namespace usher::test {

// Whether the kernel takes the backend; the reason why not.
boost::test_tools::assertion_result takes_lsm(boost::unit_test::test_unit_id id);
boost::test_tools::assertion_result takes_tracepoint(boost::unit_test::test_unit_id id);

constexpr int kKilled = 1000;  // an exit "code": ended by SIGKILL

class Container {
 public:
  explicit Container(const std::string& backend);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  // Enrols with a policy of these [defaults] and [[rule]] tables, or switches to it.
  void enforce(const std::string& rules);
  // The profile of such a policy.
  std::uint32_t publish(const std::string& rules);
  // The exit code; kKilled; 126 when the exec itself gave EPERM.
  int run(const std::vector<std::string>& arguments) const;
  int probe(std::vector<std::string> arguments) const;
  int shell(const std::string& script) const { return run({"/bin/sh", "-c", script}); }
  std::vector<usher_kernel_event> events();
  std::string rule_of(const usher_kernel_event& event) const;

  enforce::Enforcer& enforcer() { return enforcer_; }
  std::uint32_t slot() const { return slot_; }
  const std::filesystem::path& root() const { return root_; }
  std::string cgroup_name() const { return cgroup_.filename(); }
  // Where the kernel's maps are pinned.
  const std::filesystem::path& maps() const { return maps_; }

 private:
  std::filesystem::path scratch_;
  std::filesystem::path root_;
  std::filesystem::path cgroup_;
  enforce::Enforcer& enforcer_;
  std::filesystem::path maps_;
  std::vector<policy::RuleName> names_;
  std::uint32_t slot_ = 0;
};

}  // namespace usher::test
