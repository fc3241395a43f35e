// Sandboxes as the host sees them, over a tree that stands for /proc and /sys/fs/cgroup: its files
// are as the kernel writes them, its processes are children of the test.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <csignal>

#include "kata/cgroups.hpp"
#include "kata/cid_owners.hpp"
#include "kata/monitors.hpp"
#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

// Waits for its end.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }
  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

struct Fixture {
  usher::test::Scratch scratch;
  Kernel kernel{.proc = scratch.path() / "proc", .cgroups = scratch.path() / "cgroup"};
  std::string a = id('a');
  std::string b = id('b');

  Fixture() { root_of(1, "/"); }
  fs::path of(pid_t pid) const { return kernel.proc / std::to_string(pid); }
  void root_of(pid_t pid, const fs::path& root) const {
    fs::create_directories(of(pid));
    fs::remove(of(pid) / "root");
    fs::create_directory_symlink(root, of(pid) / "root");
  }
  void process(pid_t pid, const std::string& cgroup, const std::string& program,
               const std::string& line = "") const {
    const auto folder = "proc/" + std::to_string(pid);
    scratch.write(folder + "/cgroup", "12:cpu:/x\n0::" + cgroup + "\n");
    std::string arguments = program + " " + line;
    std::ranges::replace(arguments, ' ', '\0');
    scratch.write(folder + "/cmdline", arguments);
    fs::remove(of(pid) / "exe");
    fs::create_symlink("/opt/kata/bin/" + program, of(pid) / "exe");
    root_of(pid, "/");
    const auto procs = kernel.cgroups / cgroup.substr(1) / "cgroup.procs";
    fs::create_directories(procs.parent_path());
    std::ofstream(procs, std::ios::app) << pid << '\n';
  }
};

BOOST_FIXTURE_TEST_SUITE(hosts_view, Fixture)

BOOST_AUTO_TEST_CASE(a_path_names_a_sandbox_by_a_whole_word) {
  BOOST_TEST(names_sandbox("/kubepods/podx/" + a, a));
  BOOST_TEST(names_sandbox("/k.slice/cri-containerd-" + a + ".scope", a));
  BOOST_TEST(names_sandbox("/kata_" + a, a));
  BOOST_TEST(!names_sandbox("/kata_" + a + "b", a));
  BOOST_TEST(!names_sandbox("/b" + a, a));
  BOOST_TEST(names_sandbox("/kata_" + a, a.substr(0, 32), true));
  BOOST_TEST(!names_sandbox("/kata_" + a, a.substr(0, 32)));
  BOOST_TEST(!names_sandbox("/x", ""));
  BOOST_TEST(some_id_in("/kubepods/podx/" + a + "/" + b) == b);
  BOOST_TEST(some_id_in("/kubepods/podx/" + a + "b") == "");
}

BOOST_AUTO_TEST_CASE(a_sandboxs_cgroup_is_where_the_kubelets_drivers_put_it) {
  const std::string uid = "0d8e-11";
  const std::string places[] = {
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0d8e_11.slice/"
      "cri-containerd-" +
          a + ".scope",
      "/kubepods.slice/kubepods-pod0d8e_11.slice/crio-" + a + ".scope",
      "/kubepods/besteffort/pod" + uid + "/" + a,
      "/kubepods/pod" + uid + "/kata_" + a,
      "/kata_overhead/" + a,
  };
  for (const auto& place : places) {
    fs::remove_all(kernel.cgroups);
    fs::create_directories(kernel.cgroups / place.substr(1));
    BOOST_TEST(sandbox_cgroup(kernel, uid, a).value_or("none") == place);
    BOOST_TEST(!sandbox_cgroup(kernel, uid, b).has_value());
  }
  // A uid is no path.
  fs::remove_all(kernel.cgroups);
  fs::create_directories(kernel.cgroups / "kubepods/pod..");
  fs::create_directories(kernel.cgroups / "kubepods/x" / a);
  BOOST_TEST(!sandbox_cgroup(kernel, "../../x", a).has_value());
}

BOOST_AUTO_TEST_CASE(a_context_id_is_the_sandboxs_whose_monitor_has_it_on_its_command_line) {
  const Child vm;
  process(vm.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64",
          "-name sandbox-" + a + " -device vhost-vsock-pci,id=v,guest-cid=77");
  const auto owner = owner_of_cid(kernel, 77, {b, a});
  BOOST_REQUIRE(owner);
  BOOST_TEST(owner->sandbox == a);
  BOOST_TEST(owner->peer.pid == vm.pid());
  BOOST_TEST(owner->peer.placed);
  BOOST_TEST(is_alive(owner->peer.pidfd));
  for (const std::uint32_t other : {7U, 770U, 78U}) {
    BOOST_TEST(owner_of_cid(kernel, other, {a}).error().code == ENOENT);
  }
}

BOOST_AUTO_TEST_CASE(a_context_id_of_a_sandbox_that_is_being_made_is_known_by_its_cgroup) {
  const Child vm;
  process(vm.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64", "-device x,guest-cid=5");
  BOOST_TEST(owner_of_cid(kernel, 5, {})->sandbox == a);
  process(vm.pid(), "/somewhere", "qemu-system-x86_64", "-device x,guest-cid=5");
  BOOST_TEST(owner_of_cid(kernel, 5, {a}).error().code == ENOENT);
}

BOOST_AUTO_TEST_CASE(what_a_container_claims_on_its_command_line_does_not_count) {
  const Child vm;
  const Child liar;
  process(vm.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64", "-device x,guest-cid=5");
  process(liar.pid(), "/kubepods/pody/" + b, "qemu-system-x86_64", "-device x,guest-cid=5");
  root_of(liar.pid(), scratch.path());
  BOOST_TEST(owner_of_cid(kernel, 5, {a, b})->sandbox == a);
}

BOOST_AUTO_TEST_CASE(a_context_id_that_two_have_is_nobodys) {
  const Child one;
  const Child other;
  process(one.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64", "-device x,guest-cid=5");
  process(other.pid(), "/kubepods/pody/" + b, "qemu-system-x86_64", "-device x,guest-cid=5");
  BOOST_TEST(owner_of_cid(kernel, 5, {a, b}).error().code == EEXIST);
}

BOOST_AUTO_TEST_CASE(a_command_line_that_names_another_sandbox_is_refused) {
  const Child vm;
  process(vm.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64",
          "-name sandbox-" + b + ",debug-threads=on -device x,guest-cid=5");
  BOOST_TEST(owner_of_cid(kernel, 5, {a, b}).error().code == EPERM);
}

BOOST_AUTO_TEST_CASE(the_hosts_own_context_ids_are_refused) {
  const Child vm;
  for (const std::uint32_t cid : {0U, 1U, 2U}) {
    process(vm.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64",
            "-device x,guest-cid=" + std::to_string(cid));
    BOOST_TEST(owner_of_cid(kernel, cid, {a}).error().code == EINVAL);
  }
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_has_no_context_id) {
  Child vm;
  process(vm.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64", "-device x,guest-cid=5");
  vm.end();
  BOOST_TEST(!owner_of_cid(kernel, 5, {a}));
}

BOOST_AUTO_TEST_CASE(a_context_id_is_looked_for_seldom_however_often_it_dials) {
  const auto sandboxes = [this] { return std::vector<std::string>{a}; };
  CidOwners owners(kernel);
  auto now = CidOwners::Clock::now();
  BOOST_TEST(owners.of(5, sandboxes, now).error().code == ENOENT);
  {
    const Child vm;
    process(vm.pid(), "/kubepods/podx/" + a, "qemu-system-x86_64", "-device x,guest-cid=5");
    BOOST_TEST(owners.of(5, sandboxes, now).error().code == EAGAIN);
    now += std::chrono::seconds(1);
    BOOST_REQUIRE(owners.of(5, sandboxes, now));
    BOOST_TEST((*owners.of(5, sandboxes, now))->sandbox == a);
    // Others have used up what there is; who is known is known.
    int looks = 0;
    for (std::uint32_t other = 100; other < 1100; ++other) {
      looks += owners.of(other, sandboxes, now).error().code == ENOENT ? 1 : 0;
    }
    BOOST_TEST(looks < 200);
    BOOST_TEST(owners.of(5, sandboxes, now).has_value());
  }
  now += std::chrono::seconds(1);
  BOOST_TEST(!owners.of(5, sandboxes, now));  // it has ended
}

BOOST_AUTO_TEST_CASE(the_monitor_is_told_from_its_helpers) {
  const Child vm;
  const Child helper;
  const Child shim;
  const std::string cgroup = "/kubepods/podx/" + a;
  process(shim.pid(), cgroup, "containerd-shim-kata-v2");
  BOOST_TEST(monitor_in(kernel, cgroup)->pid == shim.pid());  // Dragonball runs in it
  process(helper.pid(), cgroup, "virtiofsd");
  process(vm.pid(), cgroup, "cloud-hypervisor");
  const auto monitor = monitor_in(kernel, cgroup);
  BOOST_REQUIRE(monitor);
  BOOST_TEST(monitor->pid == vm.pid());
  BOOST_TEST(monitor->program == "cloud-hypervisor");
  process(helper.pid(), cgroup, "firecracker");
  BOOST_TEST(monitor_in(kernel, cgroup).error().code == EEXIST);
  BOOST_TEST(monitor_in(kernel, "/none").error().code == ENOENT);
}

BOOST_AUTO_TEST_SUITE_END()

// Both ends of a connection, the other of which is the test's own process.
struct Pair : Fixture {
  Fd one;
  Fd other;

  Pair() {
    int fds[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    one = Fd(fds[0]);
    other = Fd(fds[1]);
  }
  int why(Expected expected) {
    const auto peer = admit(kernel, one.get(), expected);
    return peer ? 0 : peer.error().code;
  }
};

BOOST_FIXTURE_TEST_SUITE(a_peer, Pair)

BOOST_AUTO_TEST_CASE(in_the_sandboxs_cgroup_is_its_own) {
  process(::getpid(), "/kubepods/podx/" + a, "cloud-hypervisor");
  const auto peer = admit(kernel, one.get(), {.sandbox = a, .trusted = ::geteuid()});
  BOOST_REQUIRE(peer);
  BOOST_TEST(peer->placed);
  BOOST_TEST(peer->pid == ::getpid());
}

BOOST_AUTO_TEST_CASE(in_another_sandboxs_cgroup_is_refused) {
  process(::getpid(), "/kubepods/podx/" + b, "cloud-hypervisor");
  BOOST_TEST(why({.sandbox = a, .trusted = ::geteuid()}) == EPERM);
  BOOST_TEST(why({.sandbox = a, .trusted = ::geteuid(), .check_cgroup = false}) == 0);
}

BOOST_AUTO_TEST_CASE(in_the_agents_own_container_is_not_in_anothers) {
  process(::getpid(), "/docker/" + b + "/vm", "cloud-hypervisor");
  BOOST_TEST(why({.sandbox = a, .trusted = ::geteuid()}) == EPERM);
  BOOST_TEST(why({.sandbox = a, .trusted = ::geteuid(), .agents = "/docker/" + b}) == 0);
}

BOOST_AUTO_TEST_CASE(outside_is_refused_where_the_sandboxs_cgroup_is_known) {
  process(::getpid(), "/user.slice", "socat");
  BOOST_TEST(why({.sandbox = a, .trusted = ::geteuid()}) == 0);  // not known
  BOOST_TEST(why({.sandbox = a, .trusted = ::geteuid(), .cgroup = "/kubepods/podx/" + a}) == EPERM);
  BOOST_TEST(why({.sandbox = a,
                  .trusted = ::geteuid(),
                  .cgroup = "/kubepods/podx/" + a,
                  .check_cgroup = false}) == 0);
}

BOOST_AUTO_TEST_CASE(whose_cgroup_cannot_be_told_is_refused_where_it_would_be_checked) {
  BOOST_TEST(why({.sandbox = a, .trusted = ::geteuid(), .cgroup = "/kubepods/podx/" + a}) == EPERM);
}

BOOST_AUTO_TEST_CASE(of_another_user_is_refused) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: needs root to be another user");
    return;
  }
  // A child as another user connects; who it was stays with the connection.
  const auto path = (scratch.path() / "s").string();
  fs::permissions(scratch.path(), fs::perms::all);
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  BOOST_REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  BOOST_REQUIRE(::listen(listener.get(), 1) == 0);
  fs::permissions(path, fs::perms::all);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool fine = ::setresuid(1234, 1234, 1234) == 0;
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const bool in =
        fine && ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::pause();
    ::_exit(in ? 0 : 1);
  }
  const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  process(child, "/kubepods/podx/" + a, "cloud-hypervisor");
  const auto stranger = admit(kernel, accepted.get(), {.sandbox = a, .owner = 0, .trusted = 0});
  const auto owner = admit(kernel, accepted.get(), {.sandbox = a, .owner = 1234, .trusted = 0});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  BOOST_REQUIRE(!stranger);
  BOOST_TEST(stranger.error().code == EPERM);
  BOOST_TEST(owner.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
