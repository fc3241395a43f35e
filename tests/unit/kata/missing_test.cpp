// Containers that run without having been asked for, and the sandbox's processes on the host.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <csignal>

#include "relay_fixture.hpp"

namespace usher::kata::test {
namespace {

struct Fixture : RelayFixture {
  std::string a = id('a');

  void runs(const std::string& name) {
    relay->container(USHER_EVENT_CONTAINER_RUNNING, container(a, name));
  }
  // A process that stands for the sandbox's monitor, in its cgroup.
  pid_t monitor() {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    const std::string cgroup = "/kubepods/poduid-1/" + a;
    put_process(pid, cgroup);
    fs::create_directories(scratch.path() / "cgroup" / cgroup.substr(1));
    scratch.write("cgroup" + cgroup + "/cgroup.procs", std::to_string(pid) + "\n");
    fs::create_symlink("/usr/bin/cloud-hypervisor",
                       scratch.path() / "proc" / std::to_string(pid) / "exe");
    return pid;
  }
};

BOOST_FIXTURE_TEST_SUITE(a_container, Fixture)

BOOST_AUTO_TEST_CASE(that_runs_and_was_not_asked_for_is_reported) {
  start();
  listen_for(a);
  creates(a, "app");
  runs("app");
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.back().container == "app");
  BOOST_TEST(host.warned.back().sandbox == a);
}

BOOST_AUTO_TEST_CASE(that_was_granted_is_not) {
  start();
  listen_for(a);
  creates(a, "app");
  creates(a, "other");
  BOOST_TEST(ask(a, claim_of("app")).word() == v1::Verdict::WORD_GO);
  runs("app");
  runs("other");
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.size() == 1U);
  BOOST_TEST(host.warned.back().container == "other");
}

BOOST_AUTO_TEST_CASE(that_runs_though_it_was_refused_is_reported_as_that) {
  start();
  listen_for(a);
  relay->container(USHER_EVENT_CONTAINER_STARTING, container(a, "app"));
  BOOST_TEST(ask(a, claim_of("app")).word() == v1::Verdict::WORD_REFUSE);
  runs("app");
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.back().message.find("though it was refused") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(that_ran_before_is_not_unless_that_is_asked_for) {
  start();
  listen_for(a);
  runs("old");
  creates(a, "new");
  runs("new");
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.size() == 1U);
  BOOST_TEST(host.warned.back().container == "new");
  relay.reset();
  host.warned.clear();
  options.missing_known = true;
  start();
  runs("old");
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.back().container == "old");
}

BOOST_AUTO_TEST_CASE(that_an_agent_before_granted_is_not) {
  start();
  listen_for(a);
  creates(a, "app");
  ask(a, claim_of("app"));
  relay.reset();
  start();
  creates(a, "app");  // told again, as it is still being created
  runs("app");
  creates(a, "other");
  runs("other");
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.size() == 1U);
  BOOST_TEST(host.warned.back().container == "other");
}

BOOST_AUTO_TEST_CASE(whose_handler_has_no_hook_is_not) {
  options.missing_handlers = {"kata-*"};
  start();
  listen_for(a);
  creates(a, "app");
  runs("app");
  creates(a, "other");
  auto other = container(a, "other");
  other.runtime_handler = "kata-qemu";
  relay->container(USHER_EVENT_CONTAINER_RUNNING, other);
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.size() == 1U);
  BOOST_TEST(host.warned.back().container == "other");
}

BOOST_AUTO_TEST_CASE(that_is_gone_in_time_is_not) {
  start();
  listen_for(a);
  creates(a, "app");
  runs("app");
  relay->container(USHER_EVENT_CONTAINER_GONE, container(a, "app"));
  creates(a, "other");
  runs("other");
  until([&] { return host.has_warned("guest-missing"); });
  BOOST_TEST(host.warned.back().container == "other");
  BOOST_TEST(host.warned.size() == 1U);
}

BOOST_AUTO_TEST_CASE(is_watched_for_however_many_a_guest_has_made_up) {
  std::vector<std::string> missing;
  Absence absence(host.loop(), std::chrono::milliseconds(1), false,
                  [&](const auto&, const auto& container, bool) { missing.push_back(container); });
  for (int i = 0; i < 3000; ++i) {
    absence.judged(a, "made-up-" + std::to_string(i), false);
  }
  absence.starting(a, "app");
  absence.running(a, "app");
  until([&] { return !missing.empty(); });
  BOOST_TEST(missing == std::vector<std::string>{"app"});
}

BOOST_AUTO_TEST_CASE(that_is_missing_ends_its_sandbox_where_that_is_asked_for) {
  options.missing_kill = true;
  const pid_t vm = monitor();
  start();
  listen_for(a);
  creates(a, "app");
  runs("app");
  until([&] { return host.has_warned("guest-killed"); });
  int status = 0;
  BOOST_TEST(::waitpid(vm, &status, 0) == vm);
  BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

BOOST_AUTO_TEST_CASE(that_is_missing_ends_nothing_that_is_not_certainly_its_sandbox) {
  options.missing_kill = true;
  const pid_t vm = monitor();
  start();
  listen_for(a);
  creates(a, "app");
  put_process(vm, "/kubepods/poduid-2/" + id('b'));  // moved, or another by now
  runs("app");
  until([&] { return host.has_warned("guest-not-killed"); });
  BOOST_TEST(::kill(vm, 0) == 0);
  ::kill(vm, SIGKILL);
  ::waitpid(vm, nullptr, 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(a_monitor, Fixture)

BOOST_AUTO_TEST_CASE(is_published_as_a_workload_of_its_pod) {
  const pid_t vm = monitor();
  start();
  listen_for(a);
  creates(a, "app");
  BOOST_REQUIRE(host.published.size() == 1U);
  const auto& event = host.published[0];
  BOOST_TEST(event.kind == USHER_EVENT_CONTAINER_RUNNING);
  BOOST_TEST(event.pid == vm);
  BOOST_TEST(event.identity.container_id == a);
  BOOST_TEST(event.identity.sandbox_id == a);
  BOOST_TEST(event.identity.pod_namespace == "payments");
  BOOST_TEST(event.identity.is_sandbox);
  BOOST_TEST(event.identity.host_root);
  BOOST_TEST(!event.identity.guest);
  creates(a, "side");  // once
  BOOST_TEST(host.published.size() == 1U);
  ::kill(vm, SIGKILL);
  ::waitpid(vm, nullptr, 0);
}

BOOST_AUTO_TEST_CASE(that_the_agent_did_not_take_is_published_again) {
  const pid_t vm = monitor();
  start();
  listen_for(a);
  host.busy = true;
  creates(a, "app");
  BOOST_REQUIRE(host.published.size() == 1U);
  host.busy = false;
  creates(a, "side");
  BOOST_TEST(host.published.size() == 2U);
  creates(a, "third");
  BOOST_TEST(host.published.size() == 2U);
  ::kill(vm, SIGKILL);
  ::waitpid(vm, nullptr, 0);
}

BOOST_AUTO_TEST_CASE(is_whoever_connects_from_the_sandboxs_cgroup) {
  start();
  listen_for(a);
  creates(a, "app");
  BOOST_TEST(host.published.empty());
  ask(a, claim_of("app"));
  BOOST_REQUIRE(host.published.size() == 1U);
  BOOST_TEST(host.published[0].pid == ::getpid());
}

BOOST_AUTO_TEST_CASE(that_is_not_certain_is_not_published) {
  start();
  listen_for(a);
  creates(a, "app");
  put_process(::getpid(), "/user.slice");
  Caller caller(socket_of(a));
  caller.say(claim_of("app"));
  BOOST_TEST(next(caller).verdict().word() == v1::Verdict::WORD_GO);
  BOOST_TEST(host.published.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata::test
