// place() against the real kernel: cgroups made for the test, processes that it forks.
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "identity/membership.hpp"
#include "identity/placement.hpp"
#include "scratch.hpp"
#include "usher_bpf.h"

namespace fs = std::filesystem;
using usher::identity::place;
using usher::identity::PlacementOptions;

namespace {

fs::path cgroup2_mount() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, where, type, rest; mounts >> device >> where >> type;) {
    std::getline(mounts, rest);
    if (type == "cgroup2") {
      return where;
    }
  }
  return {};
}

bool can_run() {
  return ::geteuid() == 0 && !cgroup2_mount().empty() &&
         ::access(cgroup2_mount().c_str(), W_OK) == 0;
}

bool skipped() {
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

void refuses(int pid, const std::string& because) {
  const auto placement = place(pid, PlacementOptions{.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(!placement.has_value());
  BOOST_TEST(placement.error().message.find(because) != std::string::npos,
             placement.error().message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(placement)

BOOST_AUTO_TEST_CASE(a_container_in_its_own_cgroup_is_found) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("own");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  const auto placement = place(child.pid(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  struct stat info{};
  BOOST_TEST(::stat(cgroup.directory().c_str(), &info) == 0);
  BOOST_TEST(placement->cgroup_path == cgroup.path());
  BOOST_TEST(placement->cgroup_id == info.st_ino);
  const std::string mntns = "/proc/" + std::to_string(child.pid()) + "/ns/mnt";
  BOOST_TEST(::stat(mntns.c_str(), &info) == 0);
  BOOST_TEST(placement->mntns == info.st_ino);
}

BOOST_AUTO_TEST_CASE(descendants_may_share_the_cgroup_and_those_below) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("tree");
  const Cgroup nested("tree/nested");
  int out[2];
  BOOST_REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
  const Child child(CLONE_NEWNS, [&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    (void)!::write(out[1], &pid, sizeof pid);
  });
  pid_t below = 0;
  BOOST_REQUIRE(::read(out[0], &below, sizeof below) == sizeof below);
  ::close(out[0]);
  ::close(out[1]);
  cgroup.add(child.pid());
  nested.add(below);
  const auto placement = place(child.pid(), {.cgroup_root = cgroup2_mount()});
  ::kill(below, SIGKILL);
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  BOOST_TEST(placement->cgroup_path == cgroup.path());
}

BOOST_AUTO_TEST_CASE(a_stranger_in_the_cgroup_is_refused_by_pid) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("shared");
  const Child child(CLONE_NEWNS);
  const Child stranger(CLONE_NEWNS);
  cgroup.add(child.pid());
  cgroup.add(stranger.pid());
  refuses(child.pid(), "process " + std::to_string(stranger.pid()));
}

BOOST_AUTO_TEST_CASE(a_stranger_below_the_cgroup_is_refused) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("above");
  const Cgroup below("above/below");
  const Child child(CLONE_NEWNS);
  const Child stranger(CLONE_NEWNS);
  cgroup.add(child.pid());
  below.add(stranger.pid());
  refuses(child.pid(), "which is not the container's");
}

BOOST_AUTO_TEST_CASE(who_lives_in_a_mount_namespace_outside_the_cgroup_is_found) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("mntns");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  const auto placement = place(child.pid(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
  const auto shared = [&] {
    return usher::identity::mount_namespace_shared(placement->mntns, placement->cgroup_path,
                                                   "/proc");
  };
  BOOST_TEST(!shared());
  const std::string theirs = "/proc/" + std::to_string(child.pid()) + "/ns/mnt";
  const usher::Fd mntns(::open(theirs.c_str(), O_RDONLY | O_CLOEXEC));
  Child guest(CLONE_NEWNS, [&] {
    if (::setns(mntns.get(), CLONE_NEWNS) != 0) {
      ::_exit(1);
    }
  });
  BOOST_TEST(shared());
  guest.end();
  BOOST_TEST(!shared());
}

BOOST_AUTO_TEST_CASE(the_root_cgroup_is_refused) {
  if (skipped()) {
    return;
  }
  const Child child(CLONE_NEWNS);
  std::ofstream(cgroup2_mount() / "cgroup.procs") << child.pid();
  refuses(child.pid(), "root cgroup");
}

BOOST_AUTO_TEST_CASE(the_hosts_mount_namespace_is_refused) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("hostns");
  const Child child(0);
  cgroup.add(child.pid());
  refuses(child.pid(), "mount namespace");
}

BOOST_AUTO_TEST_CASE(a_process_that_is_gone_is_refused) {
  if (skipped()) {
    return;
  }
  refuses(0, "no pid");
  refuses(-1, "no pid");
  Child child(CLONE_NEWNS);
  const pid_t pid = child.pid();
  child.end();
  refuses(pid, "gone");
}

BOOST_AUTO_TEST_CASE(a_zombie_is_gone) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("zombie");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  ::kill(child.pid(), SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
  refuses(child.pid(), "gone");
}

BOOST_AUTO_TEST_CASE(a_cgroup_of_the_agent_or_above_it_is_refused) {
  if (skipped()) {
    return;
  }
  // A proc tree that stands for an agent in the container's own cgroup, and in one below it.
  const Cgroup cgroup("agents");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  for (const std::string below : {"", "/deeper"}) {
    const usher::test::Scratch proc;
    const std::string own = std::to_string(child.pid());
    proc.write(own + "/cgroup", "0::" + cgroup.path() + "\n");
    proc.write("self/cgroup", "0::" + cgroup.path() + below + "\n");
    const auto placement =
        place(child.pid(), {.cgroup_root = cgroup2_mount(), .proc = proc.path()});
    BOOST_TEST_REQUIRE(!placement.has_value());
    BOOST_TEST(placement.error().message.find("holds the agent") != std::string::npos,
               placement.error().message);
  }
}

BOOST_AUTO_TEST_CASE(a_root_that_is_not_cgroup2_is_refused) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("fake");
  const Child child(CLONE_NEWNS);
  cgroup.add(child.pid());
  const usher::test::Scratch elsewhere;
  fs::create_directory(elsewhere.path().native() + cgroup.path());
  const auto placement = place(child.pid(), {.cgroup_root = elsewhere.path()});
  BOOST_TEST_REQUIRE(!placement.has_value());
  BOOST_TEST(placement.error().message.find("not on a cgroup2 mount") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_running_container_is_placed_by_its_whole_cgroup) {
  if (skipped()) {
    return;
  }
  const std::string leaf = "crio-" + std::string(64, 'a') + ".scope";
  const Cgroup top("run");
  const Cgroup container("run/" + leaf);
  const Cgroup inner("run/" + leaf + "/init.scope");
  const Child child(CLONE_NEWNS);
  inner.add(child.pid());
  usher::identity::PlacementOptions options{.cgroup_root = cgroup2_mount()};
  BOOST_TEST(place(child.pid(), options)->cgroup_path == inner.path());
  options.running = true;
  BOOST_TEST(place(child.pid(), options)->cgroup_path == container.path());
  // And found from the cgroup, where no pid is known.
  BOOST_TEST(usher::identity::process_in(container.path(), options).value() == child.pid());
}

BOOST_AUTO_TEST_CASE(a_cgroup_without_a_process_names_none) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("empty");
  const PlacementOptions options{.cgroup_root = cgroup2_mount()};
  const auto refused = [&](const std::string& path, const std::string& because) {
    const auto pid = usher::identity::process_in(path, options);
    BOOST_TEST_REQUIRE(!pid.has_value());
    BOOST_TEST(pid.error().message.find(because) != std::string::npos, pid.error().message);
  };
  refused(cgroup.path(), "nobody runs");
  refused(cgroup.path() + "/none", "there is no cgroup");
  refused(cgroup.path() + "/../..", "not plain");
  refused("relative", "neither");
}

BOOST_AUTO_TEST_CASE(of_a_cgroups_processes_the_first_one_is_the_containers) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("first");
  int out[2];
  BOOST_REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
  const Child child(CLONE_NEWNS, [&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    (void)!::write(out[1], &pid, sizeof pid);
  });
  pid_t below = 0;
  BOOST_REQUIRE(::read(out[0], &below, sizeof below) == sizeof below);
  ::close(out[0]);
  ::close(out[1]);
  cgroup.add(below);
  cgroup.add(child.pid());
  const auto pid = usher::identity::process_in(cgroup.path(), {.cgroup_root = cgroup2_mount()});
  ::kill(below, SIGKILL);
  BOOST_TEST(pid.value() == child.pid());
}

BOOST_AUTO_TEST_CASE(the_runtimes_init_is_the_one_process_of_its_cgroup_before_the_start) {
  if (skipped()) {
    return;
  }
  const PlacementOptions options{.cgroup_root = cgroup2_mount()};
  const auto refused = [&](const std::string& path, const std::string& because) {
    const auto pid = usher::identity::init_process_in(path, options);
    BOOST_TEST_REQUIRE(!pid.has_value());
    BOOST_TEST(pid.error().message.find(because) != std::string::npos, pid.error().message);
  };
  const Cgroup cgroup("init");
  refused(cgroup.path(), "nobody is in");
  refused(cgroup.path() + "/none", "there is no cgroup");
  refused(cgroup.path() + "/../..", "not plain");
  refused("relative", "neither");
  refused("", "neither");
  const Child init(CLONE_NEWNS);
  cgroup.add(init.pid());
  BOOST_TEST(usher::identity::init_process_in(cgroup.path(), options).value() == init.pid());
  const Child another(CLONE_NEWNS);
  cgroup.add(another.pid());
  refused(cgroup.path(), "2 processes");
}

BOOST_AUTO_TEST_CASE(the_runtimes_init_is_found_in_the_child_that_crun_makes) {
  if (skipped()) {
    return;
  }
  const Cgroup scope("scope");
  const Cgroup child("scope/container");
  const Child init(CLONE_NEWNS);
  child.add(init.pid());
  BOOST_TEST(
      usher::identity::init_process_in(scope.path(), {.cgroup_root = cgroup2_mount()}).value() ==
      init.pid());
}

BOOST_AUTO_TEST_CASE(a_process_in_the_containers_root_is_no_init_of_the_runtime_any_more) {
  if (skipped()) {
    return;
  }
  const Cgroup cgroup("late");
  const usher::test::Scratch root;
  const Child inside(CLONE_NEWNS, [&] { (void)!::chroot(root.path().c_str()); });
  cgroup.add(inside.pid());
  const auto pid =
      usher::identity::init_process_in(cgroup.path(), {.cgroup_root = cgroup2_mount()});
  BOOST_TEST_REQUIRE(!pid.has_value());
  BOOST_TEST(pid.error().message.find("entered the container's root") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_systemd_form_names_the_same_cgroup) {
  if (skipped()) {
    return;
  }
  const usher::test::Scratch root;
  const auto self = std::to_string(::getpid());
  root.write("kubepods.slice/kubepods-podu_1.slice/crio-c1.scope/cgroup.procs", self + "\n");
  const PlacementOptions options{.cgroup_root = root.path()};
  for (const char* form :
       {"kubepods-podu_1.slice:crio:c1", "/kubepods.slice/kubepods-podu_1.slice/crio-c1.scope"}) {
    BOOST_TEST(usher::identity::init_process_in(form, options).value() == ::getpid());
  }
}

BOOST_AUTO_TEST_CASE(a_process_that_has_not_entered_a_root_has_no_image_to_look_into) {
  if (skipped()) {
    return;
  }
  const PlacementOptions options{.cgroup_root = cgroup2_mount()};
  const Child outside(CLONE_NEWNS);
  BOOST_TEST(!usher::identity::merged_of_process(outside.pid(), options).has_value());
  const usher::test::Scratch root;
  fs::create_symlink("usr/bin", root.path() / "bin");
  const Child inside(CLONE_NEWNS, [&] { (void)!::chroot(root.path().c_str()); });
  const auto merged = usher::identity::merged_of_process(inside.pid(), options);
  BOOST_TEST_REQUIRE(merged.has_value());
  BOOST_TEST(*merged == static_cast<std::uint32_t>(USHER_MERGED_BIN));
}

BOOST_AUTO_TEST_SUITE_END()
