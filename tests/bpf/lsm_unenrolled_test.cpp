// Programs in pods that nobody enrolled, under the LSM backend. Runs in the VM lab.
#include <cerrno>
#include <fstream>

#include "container.hpp"

using usher::test::Container;

namespace {

// A container in a cgroup that stands for the one that holds all pods; /pause is exempt.
struct Unenrolled : Container {
  Unenrolled() : Container("lsm") {
    std::filesystem::copy_file(root() / "bin/probe", root() / "pause");
  }
  std::string agent;
  void answer(std::uint32_t word) {
    const auto held = publish(
        "[defaults]\nexec = \"deny\"\nwrite = \"deny\"\nconnect = \"deny\"\nbind = \"deny\"\n");
    BOOST_REQUIRE(enforcer()
                      .set_unenrolled({.answer = word,
                                       .profile = held,
                                       .programs = {"/pause", "/usr/bin/pod"},
                                       .pod_cgroups = {"kubepods", cgroup_name()},
                                       .agent_cgroup = 0,
                                       .agent_program = agent})
                      .has_value());
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lsm_unenrolled, *boost::unit_test::precondition(usher::test::takes_lsm))

BOOST_FIXTURE_TEST_CASE(an_unenrolled_program_is_refused_before_it_begins, Unenrolled) {
  BOOST_TEST(probe({"nothing"}) == 0);
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(probe({"nothing"}) == 126);
  const auto seen = events();
  BOOST_REQUIRE(seen.size() == 1U);
  BOOST_TEST(seen[0].rule == USHER_RULE_UNENROLLED);
  BOOST_TEST(std::string(seen[0].data, seen[0].path_len) == "/bin/probe");
  BOOST_TEST(std::string(seen[0].data + seen[0].path_len, seen[0].args_len) ==
             cgroup_name() + '\0');
  answer(USHER_UNENROLLED_AUDIT);
  BOOST_TEST(probe({"nothing"}) == 0);
  BOOST_TEST(events().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(an_enrolled_one_runs, Unenrolled) {
  answer(USHER_UNENROLLED_DENY);
  enforce("[[rule]]\nname = \"r\"\non = \"exec\"\npaths = [\"/bin/denied\"]\naction = \"deny\"\n");
  BOOST_TEST(probe({"nothing"}) == 0);
  BOOST_TEST(events().empty());
}

BOOST_FIXTURE_TEST_CASE(an_exempt_program_may_run_and_nothing_else, Unenrolled) {
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(run({"/pause", "nothing"}) == 0);
  BOOST_TEST(events().empty());
  BOOST_TEST(run({"/pause", "open", "/etc/secret"}) == 0);
  BOOST_TEST(run({"/pause", "write", "/tmp/mark"}) == EPERM);
  BOOST_TEST(run({"/pause", "exec", "/bin/sh", "-c", "true"}) == EPERM);
  BOOST_TEST(run({"/pause", "exec", "/pause", "nothing"}) == EPERM);
  BOOST_TEST(run({"/pause", "memfd", "/bin/probe"}) == EPERM);
  BOOST_TEST(run({"/pause", "tcp", "connect", "127.0.0.1", "9"}) == EPERM);
  BOOST_TEST(run({"/pause", "tcp", "bind", "127.0.0.1", "9"}) == EPERM);
  BOOST_TEST(run({"/pause", "tcp", "listen", "127.0.0.1", "0"}) == EPERM);
  const auto seen = events();
  BOOST_REQUIRE(!seen.empty());
  BOOST_TEST(seen[0].workload == enforcer().exempt_slot());
}

// A new pod of the agent's: unjudged by its path, where it was given the node as these are.
BOOST_FIXTURE_TEST_CASE(the_agents_program_begins_and_no_other, Unenrolled) {
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(probe({"nothing"}) == 126);
  agent = "/bin/probe";
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(probe({"nothing"}) == 0);
  BOOST_TEST(probe({"write", "/tmp/mark"}) == 0);
  BOOST_TEST(run({"/bin/busybox", "true"}) == 126);
}

BOOST_FIXTURE_TEST_CASE(a_script_or_a_link_by_an_exempt_name_gains_nothing, Unenrolled) {
  std::filesystem::remove(root() / "pause");
  std::ofstream(root() / "pause") << "#!/bin/probe nothing\n";
  std::filesystem::permissions(root() / "pause", std::filesystem::perms::all);
  answer(USHER_UNENROLLED_DENY);
  BOOST_TEST(run({"/pause"}) == 126);
  std::filesystem::remove(root() / "pause");
  std::filesystem::create_symlink("/bin/busybox", root() / "pause");
  BOOST_TEST(run({"/pause", "true"}) == 126);
}

BOOST_AUTO_TEST_SUITE_END()
