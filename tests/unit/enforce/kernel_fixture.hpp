// A real enforcer on this machine's kernel, with pins, a cgroup and a container root of its own.
#pragma once

#include <sys/types.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "enforce/enforcer.hpp"

namespace usher::enforce::testing {

// Whether this kernel lets us load programs and mount a BPF file system; the reason if not.
boost::test_tools::assertion_result kernel_takes_bpf(boost::unit_test::test_unit_id id);

// A cgroup below the cgroup2 root. Its processes must be gone before it is.
class ScratchCgroup {
 public:
  explicit ScratchCgroup(const std::filesystem::path& cgroup_root);
  ~ScratchCgroup();
  ScratchCgroup(const ScratchCgroup&) = delete;
  ScratchCgroup& operator=(const ScratchCgroup&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // mntns is left out: processes of the tests stay in their own.
  identity::Placement placement() const;
  void remove();

 private:
  std::filesystem::path path_;
};

// A mount namespace that lives as long as this.
class MountNamespace {
 public:
  MountNamespace();
  ~MountNamespace();
  MountNamespace(const MountNamespace&) = delete;
  MountNamespace& operator=(const MountNamespace&) = delete;

  int fd() const { return fd_; }
  std::uint32_t number() const;

 private:
  int fd_ = -1;
};

// How a program in a container ended.
struct Outcome {
  bool killed = false;   // SIGKILL
  bool refused = false;  // exec gave EPERM
  int exit_code = -1;
  bool denied() const { return killed || refused; }
};

// What a program in a container has not of the node.
enum class Lacks { nothing, sys_admin, sys_ptrace, pid_namespace };
// Of the calling process, which only execs or ends afterwards. False: it could not be.
bool take_away(Lacks what);

class KernelFixture {
 public:
  KernelFixture();
  ~KernelFixture();
  KernelFixture(const KernelFixture&) = delete;
  KernelFixture& operator=(const KernelFixture&) = delete;

  // Opens, or takes over what an enforcer that was closed has left.
  Enforcer& open();
  void close() { enforcer_.reset(); }
  Enforcer& enforcer() { return *enforcer_; }
  Options options() const;
  const std::filesystem::path& pins() const { return pins_; }

  // Denies exec of `paths`; all else is allowed.
  policy::ProfileImage denial_of(const std::vector<std::string>& paths);
  // A process that enters the cgroup, then the container's root, then execs the first argument
  // with the rest as its argv. The root has busybox as /bin/denied and, another file, as
  // /bin/allowed.
  Outcome run(const ScratchCgroup& cgroup, const std::vector<std::string>& arguments,
              const MountNamespace* mounts = nullptr, Lacks lacks = Lacks::nothing) const;
  // Starts one that lives until its stdin (the write end is returned) is closed; it runs when this
  // returns.
  pid_t start_cat(const ScratchCgroup& cgroup, const char* program, int& write_end) const;

 private:
  std::filesystem::path scratch_;
  std::filesystem::path pins_;
  std::unique_ptr<Enforcer> enforcer_;
};

Outcome wait_for(pid_t pid);

}  // namespace usher::enforce::testing
