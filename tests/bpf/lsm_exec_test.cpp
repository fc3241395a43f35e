// Programs and sockets under the LSM backend. Runs in the VM lab.
#include <sys/socket.h>

#include <cerrno>
#include <fstream>

#include "container.hpp"

using usher::test::Container;
using usher::test::kKilled;

namespace {

std::string deny_exec(const std::string& paths, const std::string& more = "",
                      const std::string& action = "deny") {
  return "[[rule]]\nname = \"programs\"\non = \"exec\"\npaths = [" + paths + "]\naction = \"" +
         action + "\"\n" + more;
}

struct Lsm : Container {
  Lsm() : Container("lsm") {}
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lsm_exec, *boost::unit_test::precondition(usher::test::takes_lsm))

BOOST_FIXTURE_TEST_CASE(the_entrypoint_itself_is_judged, Lsm) {
  enforce(deny_exec("\"/bin/denied\""));
  BOOST_TEST(run({"/bin/denied", "nothing"}) == 126);
  BOOST_TEST(probe({"nothing"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_program_is_known_by_the_name_asked_for_and_by_its_own, Lsm) {
  enforce(deny_exec("\"/bin/sh\""));
  BOOST_TEST(run({"/bin/sh", "-c", "true"}) == 126);
  BOOST_TEST(probe({"exec", "/bin/../bin//sh", "-c", "true"}) == EPERM);
  BOOST_TEST(shell("true") == 126);
  BOOST_TEST(run({"/bin/busybox", "true"}) == 0);
  const auto seen = events();
  BOOST_REQUIRE(!seen.empty());
  BOOST_TEST(std::string(seen[0].data, seen[0].path_len) == "/bin/sh");
  BOOST_TEST((seen[0].flags & USHER_EVENT_BY_REQUEST) != 0U);
  BOOST_TEST(std::string(seen[0].data + seen[0].path_len, seen[0].args_len) ==
             std::string("/bin/sh\0-c\0true\0", 16));
}

BOOST_FIXTURE_TEST_CASE(relative_names_and_interpreters_are_judged, Lsm) {
  std::ofstream(root() / "tmp/script") << "#!/bin/denied nothing\n";
  std::filesystem::permissions(root() / "tmp/script", std::filesystem::perms::all);
  enforce(deny_exec("\"/bin/denied\", \"*/nc\""));
  BOOST_TEST(probe({"exec", "/tmp/script"}) == EPERM);
  BOOST_TEST(shell("cd /bin; exec ./denied nothing") == 126);
  BOOST_TEST(shell("cd /tmp; exec ../bin/denied nothing") == 126);
  BOOST_TEST(shell("cp /bin/probe /tmp/nc; exec /tmp/nc nothing") == 126);
}

BOOST_FIXTURE_TEST_CASE(a_kill_rule_ends_the_task, Lsm) {
  enforce(deny_exec("\"/bin/denied\"", "", "kill"));
  BOOST_TEST(run({"/bin/denied", "nothing"}) == kKilled);
  BOOST_TEST(probe({"nothing"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(an_allow_list_takes_no_copy_and_no_memfd, Lsm) {
  enforce("[defaults]\nexec = \"deny\"\n" +
          deny_exec("\"/bin/busybox\", \"/bin/probe\"", "", "allow"));
  BOOST_TEST(probe({"nothing"}) == 0);
  BOOST_TEST(shell("true") == 0);
  BOOST_TEST(probe({"memfd", "/bin/probe"}) == EPERM);
  BOOST_TEST(shell("cp /bin/probe /tmp/p; exec /tmp/p nothing") == 126);
  enforce(
      "[defaults]\nexec = \"deny\"\n[[rule]]\nname = \"programs\"\non = \"exec\"\n"
      "paths = [\"/bin/probe\"]\nanonymous = true\naction = \"allow\"\n");
  BOOST_TEST(probe({"memfd", "/bin/probe"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(from_asks_for_the_program_that_acts, Lsm) {
  enforce(
      "[[rule]]\nname = \"r\"\non = \"read\"\npaths = [\"/etc/secret\"]\n"
      "from = [\"/bin/probe\"]\naction = \"deny\"\n");
  BOOST_TEST(probe({"open", "/etc/secret"}) == EPERM);
  BOOST_TEST(shell("cat /etc/secret >/dev/null") == 0);
  BOOST_TEST(shell("/bin/probe open /etc/secret") == EPERM);
}

BOOST_FIXTURE_TEST_CASE(from_is_the_old_program_during_an_exec_and_a_failed_one_changes_nothing,
                        Lsm) {
  enforce(deny_exec("\"/bin/denied\"", "from = [\"/bin/probe\"]\n"));
  BOOST_TEST(run({"/bin/denied", "nothing"}) == 0);
  BOOST_TEST(probe({"exec", "/bin/denied", "nothing"}) == EPERM);
  BOOST_TEST(shell("exec /bin/busybox true") == 0);
}

BOOST_FIXTURE_TEST_CASE(identity_sticks_when_the_task_leaves_the_cgroup, Lsm) {
  enforce(deny_exec("\"/bin/denied\""));
  BOOST_TEST(shell("mkdir /tmp/cg && /bin/busybox mount -t cgroup2 none /tmp/cg && "
                   "echo 0 > /tmp/cg/cgroup.procs && exec /bin/denied nothing") == 126);
}

BOOST_FIXTURE_TEST_CASE(in_audit_mode_it_runs_and_is_told, Lsm) {
  enforce(deny_exec("\"/bin/denied\""));
  BOOST_REQUIRE(enforcer().set_audit(true).has_value());
  BOOST_TEST(run({"/bin/denied", "nothing"}) == 0);
  const auto seen = events();
  BOOST_REQUIRE(!seen.empty());
  BOOST_TEST(seen[0].verdict == USHER_WOULD_DENY);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(lsm_sockets, *boost::unit_test::precondition(usher::test::takes_lsm))

BOOST_FIXTURE_TEST_CASE(a_destination_is_judged_in_each_form_that_it_has, Lsm) {
  enforce(
      "[[rule]]\nname = \"net\"\non = \"connect\"\nto = [\"127.0.0.1/32\", \"::1/128\"]\n"
      "action = \"deny\"\n");
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "::1", "::"}) {
    BOOST_TEST_CONTEXT(address) {
      BOOST_TEST(probe({"tcp", "connect", address, "9"}) == EPERM);
      BOOST_TEST(probe({"udp", "connect", address, "9"}) == EPERM);
      BOOST_TEST(probe({"udp", "sendto", address, "9"}) == EPERM);
      BOOST_TEST(probe({"tcp", "fastopen", address, "9"}) == EPERM);
    }
  }
  BOOST_TEST(probe({"udp", "unspec", "127.0.0.1", "9"}) == EPERM);
  BOOST_TEST(probe({"udp", "sendto", "127.0.0.2", "9"}) == 0);
  BOOST_TEST(probe({"tcp", "connect", "127.0.0.2", "9"}) == ECONNREFUSED);
}

BOOST_FIXTURE_TEST_CASE(sockets_that_cannot_be_judged_are_not_made, Lsm) {
  BOOST_TEST_MESSAGE("raw 3, packet 17, MPTCP protocol 262, vsock 40");
  enforce("[defaults]\nconnect = \"deny\"\n");
  const auto make = [&](int family, int type, int protocol) {
    return probe(
        {"socket", std::to_string(family), std::to_string(type), std::to_string(protocol)});
  };
  BOOST_TEST(make(AF_INET, SOCK_STREAM, 0) == 0);
  BOOST_TEST(make(AF_INET6, SOCK_DGRAM, 0) == 0);
  BOOST_TEST(make(AF_UNIX, SOCK_STREAM, 0) == 0);
  BOOST_TEST(make(AF_NETLINK, SOCK_RAW, 0) == 0);
  BOOST_TEST(make(AF_INET, SOCK_RAW, 1) == EPERM);
  BOOST_TEST(make(AF_INET, SOCK_STREAM, 262) == EPERM);
  BOOST_TEST(make(AF_PACKET, SOCK_RAW, 0) == EPERM);
  BOOST_TEST(make(40, SOCK_STREAM, 0) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(bind_is_judged_by_port, Lsm) {
  enforce("[[rule]]\nname = \"b\"\non = \"bind\"\nports = [\"8000-8999\"]\naction = \"deny\"\n");
  BOOST_TEST(probe({"tcp", "bind", "127.0.0.1", "8080"}) == EPERM);
  BOOST_TEST(probe({"udp", "bind", "::", "8999"}) == EPERM);
  BOOST_TEST(probe({"tcp", "bind", "127.0.0.1", "9000"}) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
