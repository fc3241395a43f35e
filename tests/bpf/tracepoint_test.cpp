// The tracepoint backend on the kernel that runs the tests.
#include <bpf/bpf.h>

#include <cerrno>
#include <fstream>

#include "base/fd.hpp"
#include "container.hpp"

using usher::test::Container;
using usher::test::kKilled;

namespace {

struct Tracepoint : Container {
  Tracepoint() : Container("tracepoint") {}
};

constexpr const char* kPrograms =
    "[[rule]]\nname = \"programs\"\non = \"exec\"\npaths = [\"/bin/denied\", \"*/nc\"]\n"
    "action = \"deny\"\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(tracepoint, *boost::unit_test::precondition(usher::test::takes_tracepoint))

BOOST_FIXTURE_TEST_CASE(a_denied_program_dies_before_its_first_instruction, Tracepoint) {
  enforce(kPrograms);
  for (int i = 0; i < 50; ++i) {
    BOOST_REQUIRE(run({"/bin/denied", "write", "/tmp/mark"}) == kKilled);
  }
  BOOST_TEST(!std::filesystem::exists(root() / "tmp/mark"));
  BOOST_TEST(probe({"nothing"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(children_and_relative_names_and_interpreters_are_judged, Tracepoint) {
  std::ofstream(root() / "tmp/script") << "#!/bin/denied nothing\n";
  std::filesystem::permissions(root() / "tmp/script", std::filesystem::perms::all);
  enforce(kPrograms);
  BOOST_TEST(shell("cd /bin; ./denied nothing; exit $?") == 137);
  BOOST_TEST(shell("/tmp/script; exit $?") == 137);
  BOOST_TEST(shell("cp /bin/probe /tmp/nc; /tmp/nc nothing; exit $?") == 137);
  BOOST_TEST(shell("/bin/probe nothing") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_destination_is_refused_in_each_form_that_it_has, Tracepoint) {
  enforce(
      "[[rule]]\nname = \"net\"\non = \"connect\"\nto = [\"127.0.0.1/32\", \"::1/128\"]\n"
      "action = \"deny\"\n");
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "::1", "::"}) {
    BOOST_TEST_CONTEXT(address) {
      BOOST_TEST(probe({"tcp", "connect", address, "9"}) == EPERM);
      BOOST_TEST(probe({"udp", "connect", address, "9"}) == EPERM);
      BOOST_TEST(probe({"udp", "sendto", address, "9"}) == EPERM);
    }
  }
  BOOST_TEST(probe({"udp", "unspec", "127.0.0.1", "9"}) == EPERM);
  BOOST_TEST(probe({"udp", "sendto", "127.0.0.2", "9"}) == 0);
  BOOST_TEST(probe({"tcp", "connect", "127.0.0.2", "9"}) == ECONNREFUSED);
  const auto seen = events();
  BOOST_REQUIRE(!seen.empty());
  BOOST_TEST(rule_of(seen[0]) == "net");
  BOOST_TEST(seen[0].port == 9U);
  BOOST_TEST(seen[0].address[0] == 127U);
}

BOOST_FIXTURE_TEST_CASE(sockets_that_cannot_be_judged_are_not_made, Tracepoint) {
  enforce("[defaults]\nconnect = \"deny\"\n");
  BOOST_TEST(probe({"socket", "2", "1", "0"}) == 0);
  BOOST_TEST(probe({"socket", "2", "3", "1"}) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(bind_is_judged_by_port, Tracepoint) {
  enforce("[[rule]]\nname = \"b\"\non = \"bind\"\nports = [\"8000-8999\"]\naction = \"deny\"\n");
  BOOST_TEST(probe({"tcp", "bind", "127.0.0.1", "8080"}) == EPERM);
  BOOST_TEST(probe({"tcp", "bind", "127.0.0.1", "9000"}) == 0);
}

// 61,440 threads are many for a test: the table's count says that they are there.
BOOST_FIXTURE_TEST_CASE(who_forks_when_the_table_of_threads_is_nearly_full_is_killed, Tracepoint) {
  const usher::Fd count(bpf_obj_get((maps() / "tid_count").c_str()));
  BOOST_REQUIRE(count);
  const std::uint32_t key = 0;
  std::uint64_t before = 0;
  BOOST_REQUIRE(bpf_map_lookup_elem(count.get(), &key, &before) == 0);
  const std::uint64_t full = before + 61440;
  enforce("[[rule]]\nname = \"b\"\non = \"bind\"\nports = [\"80\"]\naction = \"deny\"\n");
  BOOST_TEST(shell("/bin/probe nothing; exit 7") == 7);
  BOOST_REQUIRE(bpf_map_update_elem(count.get(), &key, &full, BPF_ANY) == 0);
  const int ruled = shell("/bin/probe nothing; exit 7");
  enforce(kPrograms);
  const int free = shell("/bin/probe nothing; exit 7");
  BOOST_REQUIRE(bpf_map_update_elem(count.get(), &key, &before, BPF_ANY) == 0);
  BOOST_TEST(ruled == kKilled);
  BOOST_TEST(free == 7);
}

BOOST_AUTO_TEST_SUITE_END()
