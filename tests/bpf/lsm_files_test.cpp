// Files under the LSM backend, by processes of a container of the tests' own. Runs where the kernel
// takes BPF LSM programs: in the VM lab.
#include <cerrno>

#include "container.hpp"

using usher::test::Container;
using usher::test::kKilled;

namespace {

constexpr const char* kSecrets = R"([[rule]]
name = "secrets"
on = "read"
paths = ["/etc/secret", "/etc/keys/"]
action = "deny"
)";

constexpr const char* kPrograms = R"([[rule]]
name = "programs"
on = "exec"
paths = ["/bin/denied"]
action = "deny"
)";

constexpr const char* kWrites = R"([[rule]]
name = "writes"
on = "write"
paths = ["/etc/"]
action = "deny"
)";

struct Lsm : Container {
  Lsm() : Container("lsm") {}
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lsm_files, *boost::unit_test::precondition(usher::test::takes_lsm))

BOOST_FIXTURE_TEST_CASE(a_denied_file_is_not_read_and_another_is, Lsm) {
  enforce(kSecrets);
  BOOST_TEST(probe({"open", "/etc/secret"}) == EPERM);
  BOOST_TEST(probe({"open", "/etc/keys/one"}) == EPERM);
  BOOST_TEST(probe({"open", "/etc/keys"}) == EPERM);
  BOOST_TEST(probe({"open", "/etc/../etc/./secret"}) == EPERM);
  BOOST_TEST(probe({"open", "/etc/plain"}) == 0);
  BOOST_TEST(probe({"write", "/etc/secret"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_rule_on_the_root_holds_for_all_below_it, Lsm) {
  enforce("[[rule]]\nname = \"all\"\non = \"write\"\npaths = [\"/\"]\naction = \"deny\"\n");
  BOOST_TEST(probe({"write", "/etc/plain"}) == EPERM);
  BOOST_TEST(probe({"open", "/etc/plain"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(an_event_tells_the_path_and_the_rule, Lsm) {
  enforce(kSecrets);
  BOOST_REQUIRE(probe({"open", "/etc/keys/one"}) == EPERM);
  const auto seen = events();
  BOOST_REQUIRE(seen.size() == 1U);
  BOOST_TEST(std::string(seen[0].data, seen[0].path_len) == "/etc/keys/one");
  BOOST_TEST(rule_of(seen[0]) == "secrets");
  BOOST_TEST(seen[0].kind == USHER_READ);
  BOOST_TEST(seen[0].verdict == USHER_DENIED);
}

BOOST_FIXTURE_TEST_CASE(a_rule_holds_for_threads_io_uring_workers_and_children, Lsm) {
  enforce(kSecrets);
  BOOST_TEST(probe({"thread", "/etc/secret"}) == EPERM);
  BOOST_TEST(probe({"thread", "/etc/plain"}) == 0);
  BOOST_TEST(probe({"uring", "/etc/plain"}) == 0);
  BOOST_TEST(probe({"uring", "/etc/secret"}) == EPERM);
  BOOST_TEST(shell("(/bin/probe open /etc/secret) & wait $!") == EPERM);
}

BOOST_FIXTURE_TEST_CASE(a_file_keeps_its_name_whatever_the_task_does_to_its_view, Lsm) {
  enforce(kSecrets);
  BOOST_TEST(probe({"chroot", "/etc", "secret"}) == EPERM);
  BOOST_TEST(probe({"chroot", "/etc", "plain"}) == 0);
  BOOST_TEST(probe({"userns", "/etc", "/data", "/data/secret"}) == EPERM);
  BOOST_TEST(probe({"userns", "/etc", "/data", "/data/plain"}) == 0);
  BOOST_TEST(probe({"open", "/proc/self/root/etc/secret"}) == EPERM);
  BOOST_TEST(probe({"handle", "/etc/secret"}) == EPERM);
  BOOST_TEST(probe({"overlay", "/etc", "/work", "/data", "/data/secret"}) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(files_of_another_file_system_are_named_by_their_place, Lsm) {
  enforce("[[rule]]\nname = \"w\"\non = \"write\"\npaths = [\"*/new\"]\naction = \"deny\"\n");
  BOOST_TEST(probe({"tmpfs", "/data", "/data/new"}) == EPERM);
  BOOST_TEST(probe({"tmpfs", "/data", "/data/other"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(nothing_is_mounted_over_what_rules_speak_of, Lsm) {
  enforce(std::string("[defaults]\nexec = \"deny\"\n") + kWrites +
          "[[rule]]\nname = \"allowed\"\non = \"exec\"\npaths = [\"/bin/probe\", \"/data/a/\"]\n"
          "action = \"allow\"\n");
  BOOST_TEST(probe({"tmpfs", "/etc", "/etc/new"}) == EPERM);
  BOOST_TEST(probe({"tmpfs", "/etc/keys", "/etc/keys/new"}) == EPERM);
  BOOST_TEST(probe({"tmpfs", "/bin", "/bin/new"}) == EPERM);
  BOOST_TEST(probe({"tmpfs", "/data/a/b", "/data/a/b/new"}) == EPERM);
  BOOST_TEST(probe({"tmpfs", "/work", "/work/new"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_ruled_file_gets_no_other_name, Lsm) {
  enforce(std::string(kSecrets) + kPrograms);
  BOOST_TEST(probe({"link", "/etc/secret", "/tmp/x"}) == EPERM);
  BOOST_TEST(probe({"rename", "/etc/secret", "/tmp/x"}) == EPERM);
  BOOST_TEST(probe({"exchange", "/tmp", "/etc"}) == EPERM);
  BOOST_TEST(probe({"exchange", "/etc/plain", "/etc/secret"}) == EPERM);
  BOOST_TEST(probe({"link", "/bin/denied", "/tmp/x"}) == EPERM);
  BOOST_TEST(probe({"rename", "/bin/denied", "/tmp/x"}) == EPERM);
  BOOST_TEST(probe({"rename", "/bin", "/tmp/bin"}) == EPERM);
  BOOST_TEST(probe({"rename", "/etc", "/tmp/etc"}) == EPERM);
  BOOST_TEST(probe({"rename", "/etc/keys", "/tmp/keys"}) == EPERM);
  BOOST_TEST(probe({"rename", "/etc/plain", "/etc/other"}) == 0);
  BOOST_TEST(probe({"rename", "/data/a", "/tmp/a"}) == 0);
  BOOST_TEST(probe({"link", "/etc/other", "/tmp/other"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(every_way_to_change_a_file_is_a_write, Lsm) {
  enforce(kWrites);
  BOOST_TEST(probe({"open", "/etc/plain"}) == 0);
  BOOST_TEST(probe({"write", "/etc/new"}) == EPERM);
  BOOST_TEST(probe({"write", "/etc/plain"}) == EPERM);
  BOOST_TEST(probe({"write", "/tmp/new"}) == 0);
  for (const char* command :
       {"echo > /etc/plain", "truncate -s 0 /etc/plain", "rm /etc/plain", "rmdir /etc/keys",
        "mkdir /etc/d", "mkfifo /etc/f", "ln -s x /etc/l", "ln /tmp/new /etc/h",
        "mv /tmp/new /etc/m", "chmod 700 /etc/plain", "chown 1 /etc/plain"}) {
    BOOST_TEST_CONTEXT(command) {
      const std::string script = "(" + std::string(command) + ") 2>/tmp/why; ";
      BOOST_TEST(shell(script + "grep -q 'not permitted' /tmp/why") == 0);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_rule_for_a_directory_holds_at_any_depth, Lsm) {
  enforce(
      "[[rule]]\nname = \"deep\"\non = \"write\"\npaths = [\"/data/a/\"]\naction = \"audit\"\n");
  BOOST_TEST(probe({"deep", "/data/a", "20"}) == 0);
  BOOST_TEST(probe({"deep", "/data/a", "200"}) == 0);
  enforce(
      "[[rule]]\nname = \"deep\"\non = \"read\"\npaths = [\"/data/a/\"]\naction = \"deny\"\n"
      "[[rule]]\nname = \"base\"\non = \"write\"\npaths = [\"*/leaf\"]\naction = \"deny\"\n");
  BOOST_TEST(shell("cd /data/a; i=0; while [ $i -lt 200 ]; do cd d || exit 9; i=$((i+1)); done;"
                   "/bin/probe open leaf") == EPERM);
  BOOST_TEST(probe({"write", "/data/a/b/leaf"}) == EPERM);
  BOOST_TEST(probe({"write", "/data/leaf"}) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(names_may_hold_any_byte_and_have_any_length, Lsm) {
  std::string long_name(255, 'n');
  std::string rules =
      "[[rule]]\nname = \"odd\"\non = \"read\"\naction = \"deny\"\npaths = [\"/data/" + long_name +
      "\"";
  for (std::size_t length = 1; length < 60; ++length) {
    rules += ", \"/data/" + std::string(length, 'k') + "\"";
  }
  enforce(rules + ", \"/data/\\\\x01\\\\xff\\\\x0a\"]\n");
  BOOST_TEST(probe({"write", "/data/" + long_name}) == 0);
  BOOST_TEST(probe({"open", "/data/" + long_name}) == EPERM);
  BOOST_TEST(probe({"write", "/data/\x01\xff\n"}) == 0);
  BOOST_TEST(probe({"open", "/data/\x01\xff\n"}) == EPERM);
  for (std::size_t length :
       {1U, 7U, 8U, 9U, 15U, 16U, 17U, 24U, 31U, 32U, 33U, 39U, 40U, 41U, 59U}) {
    const std::string name = "/data/" + std::string(length, 'k');
    BOOST_TEST(probe({"write", name}) == 0);
    BOOST_TEST(probe({"open", name}) == EPERM);
    BOOST_TEST(probe({"write", name + "j"}) == 0);
    BOOST_TEST(probe({"open", name + "j"}) == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
