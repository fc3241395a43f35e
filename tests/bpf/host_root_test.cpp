// A runtime's own processes of a sandbox, which live in the host's root: a shell in a cgroup of its
// own stands for a virtual machine's monitor.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "container.hpp"
#include "identity/placement.hpp"
#include "policy/load.hpp"

using usher::test::Container;

namespace {

namespace fs = std::filesystem;

// A shell that runs what it is told, in a cgroup of its own.
class Monitor {
 public:
  Monitor(const fs::path& cgroup_root, const std::string& name)
      : cgroup_(cgroup_root / ("usher-vm-" + std::to_string(::getpid()) + "-" + name)) {
    fs::create_directory(cgroup_);
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe");
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      std::ofstream(cgroup_ / "cgroup.procs") << "0" << std::flush;
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl("/bin/busybox", "sh", nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = ::fdopen(out[0], "r");
    run(":");
  }
  ~Monitor() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(to_);
    std::fclose(from_);
    ::rmdir(cgroup_.c_str());
  }
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  pid_t pid() const { return pid_; }
  // The exit code of a command.
  int run(const std::string& command) {
    const auto line = command + "\necho $?\n";
    int code = -1;
    if (::write(to_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
        std::fscanf(from_, "%d", &code) != 1) {
      throw std::runtime_error("the shell is gone");
    }
    return code;
  }

 private:
  fs::path cgroup_;
  pid_t pid_ = -1;
  int to_ = -1;
  std::FILE* from_ = nullptr;
};

struct HostRoot : Container {
  HostRoot() : Container("tracepoint") {}

  std::uint32_t enrol(pid_t pid, std::uint32_t flags) {
    const auto text =
        "[policy]\nname = \"vm\"\n[select]\nall = true\n[[rule]]\non = \"exec\"\n"
        "paths = [\"" +
        denied() + "\"]\naction = \"deny\"\n";
    const auto loaded = usher::policy::parse_policy(text, "vm.toml");
    const auto image = usher::policy::compile(
        {{loaded.policies.at(0)}},
        {.key = enforcer().key(), .merged = 0, .capabilities = enforcer().capabilities()},
        [](const auto&) { return USHER_RULE_FIRST; });
    const auto profile = enforcer().publish(*image);
    const auto placement = usher::identity::place_on_host(
        pid, "0123456789abcdef", {.cgroup_root = enforcer().cgroup_root(), .running = true});
    BOOST_TEST_REQUIRE(placement.has_value(), placement.error().message);
    BOOST_TEST(placement->mntns == 0U);
    const auto slot = enforcer().enrol(*placement, *profile, flags);
    BOOST_TEST_REQUIRE(slot.has_value(), slot.error().message);
    const auto tagged = enforcer().tag_running();
    BOOST_TEST_REQUIRE(tagged.has_value());
    return *slot;
  }
  void forget(std::uint32_t slot) {
    BOOST_TEST(enforcer().end(slot).has_value());
    BOOST_TEST(enforcer().forget(slot).has_value());
  }
  std::string denied() const { return root() / "bin/denied"; }
  std::string probe_program() const { return root() / "bin/probe"; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(host_root, *boost::unit_test::precondition(usher::test::takes_tracepoint))

BOOST_FIXTURE_TEST_CASE(rules_hold_for_what_runs_already_and_for_its_children, HostRoot) {
  std::uint32_t slot = 0;
  {
    Monitor monitor(enforcer().cgroup_root(), "monitor");
    BOOST_TEST(monitor.run(denied() + " nothing") == 0);
    slot = enrol(monitor.pid(), USHER_WORKLOAD_HOST_ROOT);
    BOOST_TEST(monitor.run(denied() + " nothing") == 137);
    BOOST_TEST(monitor.run("(cd " + (root() / "bin").string() + "; ./denied nothing)") == 137);
    BOOST_TEST(monitor.run("sh -c 'sh -c \"" + denied() + " nothing; exit \\$?\"'") == 137);
    BOOST_TEST(monitor.run(probe_program() + " nothing") == 0);
    BOOST_TEST(events().size() >= 3U);
  }
  forget(slot);
}

// The flag is what lets a task in the host's root be tagged.
BOOST_FIXTURE_TEST_CASE(without_the_flag_a_task_in_the_hosts_root_is_nobodys, HostRoot) {
  std::uint32_t slot = 0;
  {
    Monitor monitor(enforcer().cgroup_root(), "monitor");
    slot = enrol(monitor.pid(), 0);
    BOOST_TEST(monitor.run(denied() + " nothing") == 0);
  }
  forget(slot);
}

// Neighbours in the host's root go on.
BOOST_FIXTURE_TEST_CASE(who_is_in_another_cgroup_is_not_judged, HostRoot) {
  std::uint32_t slot = 0;
  {
    Monitor monitor(enforcer().cgroup_root(), "monitor");
    Monitor neighbour(enforcer().cgroup_root(), "neighbour");
    slot = enrol(monitor.pid(), USHER_WORKLOAD_HOST_ROOT);
    BOOST_TEST(neighbour.run(denied() + " nothing") == 0);
  }
  forget(slot);
}

BOOST_AUTO_TEST_SUITE_END()
