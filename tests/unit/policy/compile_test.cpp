// What a compiled profile decides.
#include <boost/test/unit_test.hpp>

#include "compiled.hpp"

using namespace usher;
using namespace usher::test;
using policy::Operation;

BOOST_AUTO_TEST_CASE(each_form_of_path_covers_what_the_reference_says) {
  const Compiled c(parsed_rules(R"([[rule]]
name = "r"
on = "exec"
paths = ["/bin/sh", "/usr/games/", "*/nc", "/usr/bin/python*"]
except = ["/usr/games/ok/", "/usr/bin/python3-config", "*/fine"]
action = "deny"
)"));
  for (const char* denied : {"/bin/sh", "/usr/games", "/usr/games/a", "/usr/games/a/b/c", "/nc",
                             "/x/y/nc", "/usr/bin/python", "/usr/bin/python3.11"}) {
    BOOST_TEST(c.exec(denied) == "denied p/r");
  }
  for (const char* allowed : {"/bin/sh/x", "/bin", "/usr", "/", "/usr/gamesx", "/usr/games/ok",
                              "/usr/games/ok/x", "/nc/x", "/usr/bin/python3-config",
                              "/usr/bin/python3/x", "/usr/bin/pytho", "/usr/games/fine"}) {
    BOOST_TEST(c.exec(allowed) == "allowed");
  }
}

BOOST_AUTO_TEST_CASE(a_tree_rule_holds_below_the_depth_that_is_kept) {
  const Compiled c(parsed_rules(
      "[[rule]]\nname = \"r\"\non = \"exec\"\npaths = [\"/d/\", \"*/nc\"]\naction = \"deny\"\n"));
  std::string deep = "/d";
  std::string other = "/o";
  for (int i = 0; i < 200; ++i) {
    deep += "/x";
    other += "/x";
  }
  BOOST_TEST(c.exec(deep) == "denied p/r");
  BOOST_TEST(c.exec(other) == "allowed");
  BOOST_TEST(c.exec(other + "/nc") == "denied p/r");
}

BOOST_AUTO_TEST_CASE(kill_comes_before_deny_and_deny_before_any_allow) {
  const Compiled c(parsed_rules(R"([defaults]
exec = "deny"
[[rule]]
name = "allow"
on = "exec"
paths = ["/bin/"]
action = "allow"
[[rule]]
name = "audit"
on = "exec"
paths = ["/bin/a"]
action = "audit"
[[rule]]
name = "deny"
on = "exec"
paths = ["/bin/d", "/bin/k"]
action = "deny"
[[rule]]
name = "kill"
on = "exec"
paths = ["/bin/k"]
action = "kill"
)"));
  BOOST_TEST(c.exec("/bin/x") == "allowed");
  BOOST_TEST(c.exec("/bin/a") == "audited p/audit");
  BOOST_TEST(c.exec("/bin/d") == "denied p/deny");
  BOOST_TEST(c.exec("/bin/k") == "killed p/kill");
  BOOST_TEST(c.exec("/x") == "denied p/default");
}

BOOST_AUTO_TEST_CASE(a_ceiling_passes_on_its_own_and_lends_nothing) {
  const auto policy_of = [](const std::string& name, const std::string& head,
                            const std::string& allowed) {
    return parsed("[policy]\nname = \"" + name + "\"\n" + head +
                  "[select]\nall = true\n[defaults]\nexec = \"deny\"\n[[rule]]\non = \"exec\"\n"
                  "paths = [" +
                  allowed + "]\naction = \"allow\"\n");
  };
  const Compiled c({{policy_of("a", "", "\"/a\", \"/both\", \"/ab\""),
                     policy_of("b", "", "\"/b\", \"/both\", \"/ab\""),
                     policy_of("c", "ceiling = true\n", "\"/c\", \"/both\"")}});
  BOOST_TEST(c.exec("/both") == "allowed");
  BOOST_TEST(c.exec("/a") == "denied c/default");
  BOOST_TEST(c.exec("/ab") == "denied c/default");
  BOOST_TEST(c.exec("/c") == "denied a/default");
}

BOOST_AUTO_TEST_CASE(an_audit_policy_never_changes_what_is_enforced) {
  const auto enforced = parsed(
      "[policy]\nname = \"e\"\n[select]\nall = true\n[defaults]\nexec = \"deny\"\n[[rule]]\n"
      "on = \"exec\"\npaths = [\"/bin/\"]\naction = \"allow\"\n");
  const auto audited = parsed(
      "[policy]\nname = \"a\"\nmode = \"audit\"\n[select]\nall = true\n[defaults]\nexec = "
      "\"deny\"\n"
      "[[rule]]\non = \"exec\"\npaths = [\"/opt/\", \"/bin/a\"]\naction = \"allow\"\n[[rule]]\n"
      "name = \"k\"\non = \"exec\"\npaths = [\"/bin/k\"]\naction = \"kill\"\n");
  const Compiled c({{audited, enforced}});
  BOOST_TEST(c.exec("/opt/x") == "denied e/default");
  BOOST_TEST(c.exec("/bin/k") == "would deny a/k");
  BOOST_TEST(c.exec("/bin/x") == "would deny a/default");
  BOOST_TEST(c.exec("/bin/a") == "allowed");
}

BOOST_AUTO_TEST_CASE(a_requested_name_can_deny_but_never_allow) {
  const Compiled deny(parsed_rules(
      "[[rule]]\nname = \"r\"\non = \"exec\"\npaths = [\"/bin/sh\"]\naction = \"deny\"\n"));
  BOOST_TEST(deny.exec("/bin/busybox", "/bin/sh") == "denied p/r by request");
  BOOST_TEST(deny.exec("/bin/sh", "/x") == "denied p/r");
  const Compiled allow(parsed_rules(
      "[defaults]\nexec = \"deny\"\n[[rule]]\non = \"exec\"\npaths = [\"/bin/sh\"]\naction = "
      "\"allow\"\n"));
  BOOST_TEST(allow.exec("/bin/busybox", "/bin/sh") == "denied p/default");
  BOOST_TEST(allow.exec("/bin/sh", "/x") == "allowed");
}

BOOST_AUTO_TEST_CASE(merged_directories_are_read_under_usr) {
  const auto p = parsed_rules(
      "[[rule]]\nname = \"r\"\non = \"exec\"\npaths = [\"/bin/sh\", \"/sbin/\"]\naction = "
      "\"deny\"\n[[rule]]\nname = \"u\"\non = \"exec\"\npaths = [\"/usr/bin/id\"]\naction = "
      "\"deny\"\n");
  const Compiled merged(p, USHER_MERGED_BIN);
  BOOST_TEST(merged.exec("/usr/bin/sh") == "denied p/r");
  BOOST_TEST(merged.exec("/usr/bin/busybox", "/bin/sh") == "denied p/r by request");
  BOOST_TEST(merged.exec("/usr/bin/busybox", "/bin/id") == "denied p/u by request");
  BOOST_TEST(merged.exec("/usr/sbin/x") == "allowed");
  // A denial holds at the link's own name too, should the workload replace it by a directory.
  BOOST_TEST(merged.exec("/bin/sh") == "denied p/r");
  const Compiled split(p, 0);
  BOOST_TEST(split.exec("/usr/bin/sh") == "allowed");
  BOOST_TEST(split.exec("/x", "/bin/id") == "allowed");
}

BOOST_AUTO_TEST_CASE(an_allow_holds_only_where_the_link_leads) {
  const Compiled c(parsed_rules("[defaults]\nexec = \"deny\"\n[[rule]]\non = \"exec\"\npaths = "
                                "[\"/bin/app\"]\naction = \"allow\"\n"),
                   USHER_MERGED_BIN);
  BOOST_TEST(c.exec("/usr/bin/app") == "allowed");
  BOOST_TEST(c.exec("/bin/app") == "denied p/default");
}

BOOST_AUTO_TEST_CASE(from_narrows_a_rule_to_programs_started_from_there) {
  const Compiled c(parsed_rules(
      "[[rule]]\nname = \"r\"\non = \"exec\"\npaths = [\"/\"]\nfrom = [\"/usr/sbin/nginx\", "
      "\"/opt/\", \"*/run\"]\naction = \"deny\"\n"));
  for (const char* program : {"/usr/sbin/nginx", "/opt/a/b", "/x/run"}) {
    BOOST_TEST(c.exec("/bin/sh", "", program) == "denied p/r");
  }
  for (const char* program : {"", "/usr/sbin/nginx2", "/usr/sbin", "/optx", "/x/run/y"}) {
    BOOST_TEST(c.exec("/bin/sh", "", program) == "allowed");
  }
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_named_meet_every_denial_and_no_allow) {
  const Compiled c(parsed_rules(R"([defaults]
read = "deny"
[[rule]]
on = "read"
paths = ["/"]
action = "allow"
[[rule]]
name = "w"
on = "write"
paths = ["/etc/"]
except = ["/etc/hosts"]
action = "deny"
)"));
  BOOST_TEST(c.ask({.on = Operation::read, .path = "/x"}) == "allowed");
  BOOST_TEST(c.ask({.on = Operation::read, .unknown = true}) == "denied p/default");
  BOOST_TEST(c.ask({.on = Operation::write, .unknown = true}) == "denied p/w");
  BOOST_TEST(c.ask({.on = Operation::write, .anonymous = true}) == "allowed");
  BOOST_TEST(c.exec("/x") == "allowed");
}

BOOST_AUTO_TEST_CASE(anonymous_programs_are_denied_where_exec_is_ruled_unless_allowed) {
  const std::string deny =
      "[[rule]]\nname = \"r\"\non = \"exec\"\npaths = [\"/bin/sh\"]\naction = \"deny\"\n";
  const std::string allow = "[[rule]]\non = \"exec\"\nanonymous = true\naction = \"allow\"\n";
  const policy::Query memfd = {.on = Operation::exec, .anonymous = true};
  BOOST_TEST(Compiled(parsed_rules(deny)).ask(memfd) == "denied p/r");
  BOOST_TEST(Compiled(parsed_rules(deny + allow)).ask(memfd) == "allowed");
  BOOST_TEST(Compiled(parsed_rules("[defaults]\nexec = \"deny\"\n" + allow)).ask(memfd) ==
             "allowed");
  // Another policy's word does not widen a ceiling.
  const auto ceiling =
      parsed("[policy]\nname = \"c\"\nceiling = true\n[select]\nall = true\n" + deny);
  BOOST_TEST(Compiled({{ceiling, parsed_rules(deny + allow)}}).ask(memfd) == "denied c/r");
  // What is only audited takes nothing from what is enforced.
  const auto audit =
      parsed("[policy]\nname = \"a\"\nmode = \"audit\"\n[select]\nall = true\n" + deny);
  BOOST_TEST(Compiled({{audit, parsed_rules(deny + allow)}}).ask(memfd) == "allowed");
}

BOOST_AUTO_TEST_CASE(sockets_are_matched_by_address_port_and_protocol_together) {
  const Compiled c(parsed_rules(R"([[rule]]
name = "r"
on = "connect"
to = ["10.0.0.0/8", "fd00::/8", "127.0.0.1", "::1"]
except = ["10.1.0.0/16"]
ports = ["443", "8000-8999"]
protocols = ["tcp"]
action = "deny"
)"));
  BOOST_TEST(c.connect("10.2.3.4") == "denied p/r");
  BOOST_TEST(c.connect("10.2.3.4", 8500) == "denied p/r");
  BOOST_TEST(c.connect("fd12::1") == "denied p/r");
  BOOST_TEST(c.connect("10.1.3.4") == "allowed");
  BOOST_TEST(c.connect("11.2.3.4") == "allowed");
  BOOST_TEST(c.connect("10.2.3.4", 9000) == "allowed");
  BOOST_TEST(c.connect("10.2.3.4", 443, 17) == "allowed");
  // The unspecified address is the loopback for a connect; a mapped address is IPv4.
  BOOST_TEST(c.connect("0.0.0.0") == "denied p/r");
  BOOST_TEST(c.connect("::") == "denied p/r");
  policy::Query mapped = {.on = Operation::connect, .port = 443};
  mapped.address = {
      .bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 2, 3, 4}, .length = 128, .v6 = true};
  BOOST_TEST(c.ask(mapped) == "denied p/r");
  mapped.on = Operation::bind;
  BOOST_TEST(c.ask(mapped) == "allowed");
}

// The kernel leaves out the root's look-up where the profile says so.
BOOST_AUTO_TEST_CASE(a_profile_says_whether_a_rule_speaks_of_the_root) {
  const auto plain = [](const std::string& path) {
    const Compiled c(parsed_rules("[[rule]]\nname = \"r\"\non = \"read\"\npaths = [\"/a/b\", \"" +
                                  path + "\"]\naction = \"deny\"\n"));
    return (c.image.header.kind[USHER_READ].flags & USHER_KIND_PLAIN_ROOT) != 0;
  };
  BOOST_TEST(plain("/a/"));
  BOOST_TEST(plain("*/nc"));
  BOOST_TEST(!plain("/"));
}

BOOST_AUTO_TEST_CASE(an_empty_rule_set_rules_nothing) {
  const Compiled c(policy::RuleSet{});
  for (const auto& kind : c.image.header.kind) {
    BOOST_TEST(kind.flags == 0U);
  }
  BOOST_TEST(c.exec("/bin/sh") == "allowed");
  BOOST_TEST(c.ask({.on = Operation::exec, .anonymous = true}) == "allowed");
}
