#include <array>
#include <boost/test/unit_test.hpp>

#include "parsed.hpp"
#include "policy/address.hpp"
#include "policy/path_pattern.hpp"

using namespace usher;
using namespace usher::test;
using Form = policy::PathPattern::Form;

namespace {

struct Bad {
  std::string text;
  std::string expected;  // somewhere in the errors
};

void check(const Bad& bad) {
  const std::string errors = errors_of(bad.text);
  BOOST_TEST(errors.find(bad.expected) != std::string::npos, "expected \"" << bad.expected
                                                                           << "\" in:\n"
                                                                           << errors << "of:\n"
                                                                           << bad.text);
}

std::string rule(const std::string& lines) {
  return everywhere("[[rule]]\n" + lines + "\n");
}
std::string exec_of(const std::string& path) {
  return rule("on = \"exec\"\naction = \"deny\"\npaths = ['" + path + "']");
}
std::string connect_with(const std::string& lines) {
  return rule("on = \"connect\"\naction = \"deny\"\n" + lines);
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_key_of_the_format_reaches_its_field) {
  const auto p = parsed(R"(
[policy]
name = "payments-lockdown"
mode = "audit"
ceiling = true
degrade = true
[select]
namespaces = ["payments", "pay-*"]
pod_labels = { app = "api", "app.example/part" = "x" }
pod_expressions = [{ key = "tier", operator = "In", values = ["gold"] },
                   { key = "old", operator = "DoesNotExist" }]
containers = ["main"]
images = ["registry.example/pay/*"]
runtime_handlers = ["kata"]
runtimes = ["cri-o"]
sandboxes = true
[defaults]
connect = "deny"
read = "allow"
[[rule]]
name = "no-shells"
on = "exec"
paths = ["/bin/sh", "/usr/games/", "*/nc", "/usr/bin/python*", "/a\\x20b\\x2a", "/"]
except = ["/usr/bin/python3-config"]
from = ["/usr/sbin/nginx", "/opt/", "*/run"]
action = "kill"
[[rule]]
on = "connect"
to = ["10.0.0.0/8", "fd00::/8", "192.0.2.7", "::ffff:10.1.0.0/112"]
except = ["10.9.0.0/16"]
ports = ["443", "8000-8999"]
protocols = ["tcp", "udp"]
action = "allow"
[[rule]]
on = "exec"
anonymous = true
action = "allow"
)");
  BOOST_TEST(p->name == "payments-lockdown");
  BOOST_TEST((p->mode == policy::Mode::audit && p->ceiling && p->degrade));
  BOOST_TEST(p->select.namespaces.size() == 2);
  BOOST_TEST(p->select.pod_labels.at("app.example/part") == "x");
  BOOST_TEST(p->select.pod_expressions.size() == 2);
  BOOST_TEST((p->select.pod_expressions[1].op == policy::Expression::Operator::does_not_exist));
  BOOST_TEST((p->select.containers[0] + p->select.images[0] + p->select.runtime_handlers[0] +
              p->select.runtimes[0]) == "mainregistry.example/pay/*katacri-o");
  BOOST_TEST(p->select.sandboxes);
  BOOST_TEST((p->defaults[USHER_CONNECT] == policy::Action::deny));
  BOOST_TEST((p->defaults[USHER_READ] == policy::Action::allow));
  BOOST_TEST(!p->defaults[USHER_EXEC].has_value());

  BOOST_REQUIRE(p->rules.size() == 3);
  const auto& exec = p->rules[0];
  const std::vector<policy::PathPattern> paths = {
      {Form::exact, "/bin/sh"},          {Form::tree, "/usr/games"}, {Form::base, "nc"},
      {Form::prefix, "/usr/bin/python"}, {Form::exact, "/a b*"},     {Form::tree, ""}};
  BOOST_TEST((exec.paths == paths));
  BOOST_TEST(exec.except.size() == 1);
  BOOST_TEST(exec.from.size() == 3);
  BOOST_TEST((exec.action == policy::Action::kill));
  BOOST_TEST(exec.at.line == 20);

  const auto& connect = p->rules[1];
  BOOST_TEST(connect.name == "rule-2");
  BOOST_TEST(policy::to_string(connect.to[1]) == "fd00::/8");
  BOOST_TEST(policy::to_string(connect.to[2]) == "192.0.2.7/32");
  BOOST_TEST(policy::to_string(connect.to[3]) == "10.1.0.0/16");
  BOOST_TEST(policy::to_string(connect.except_to[0]) == "10.9.0.0/16");
  BOOST_TEST((connect.ports[1] == policy::PortRange{8000, 8999}));
  BOOST_TEST((connect.protocols == std::vector<std::uint8_t>{6, 17}));
  BOOST_TEST(p->rules[2].anonymous);
}

BOOST_AUTO_TEST_CASE(errors_say_file_line_and_column) {
  BOOST_TEST(errors_of("[policy]\nname = \"p\"\nmoed = \"audit\"\n[select]\nall = true\n"
                       "[defaults]\nexec = \"deny\"\n") ==
             "p.toml:3:1: [policy] has no key moed; did you mean mode?\n");
  BOOST_TEST(errors_of(rule("on = \"exec\"\naction = \"deny\"\npaths = [\n  \"/ok\",\n  7]"))
                 .starts_with("p.toml:10:3: "));
}

BOOST_AUTO_TEST_CASE(a_broken_document_gives_no_policy) {
  for (const Bad& bad : std::initializer_list<Bad>{
           {"[policy", "p.toml:1:8: this is not valid TOML"},
           {"[policy]\nname = \"\xff\"\n", "not valid TOML"},
           {"[^]", "not valid TOML"},
           {"[[^a]]\n", "not valid TOML"},
           {"\xef\xbb\xb7p=5", "not valid TOML"},
           {"", "a policy file needs policy"},
           {"", "needs [select]"},
           {"policy = 3\n[select]\nall = true\n",
            "policy in a policy file is an integer, expected a table"},
           {"[polcy]\nname = \"p\"\n", "did you mean policy?"},
           {everywhere(""), "says nothing"},
           {everywhere("[defaults]\nexec = \"allow\"\n"), "says nothing"},
           {everywhere("[rule]\non = \"exec\"\n"), "expected a list of tables"},
       }) {
    check(bad);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_head_or_default_is_an_error) {
  const std::string rest = "[select]\nall = true\n[defaults]\nexec = \"deny\"\n";
  for (const Bad& bad : std::initializer_list<Bad>{
           {"[policy]\n" + rest, "[policy] needs name"},
           {"[policy]\nname = \"a b\"\n" + rest, "letters, digits"},
           {"[policy]\nname = 3\n" + rest, "expected a string"},
           {"[policy]\nname = \"p\"\nmode = \"enforced\"\n" + rest, "did you mean enforce?"},
           {"[policy]\nname = \"p\"\nceiling = \"yes\"\n" + rest, "expected true or false"},
           {everywhere("[defaults]\nexec = \"kill\"\n"), "a default is allow or deny"},
           {everywhere("[defaults]\nexecute = \"deny\"\n"), "did you mean exec?"},
           {everywhere("[defaults]\nexec = true\n"), "expected a string"},
       }) {
    check(bad);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_selector_is_an_error) {
  const auto select = [](const std::string& lines) {
    return "[policy]\nname = \"p\"\n[select]\n" + lines + "\n[defaults]\nexec = \"deny\"\n";
  };
  for (const Bad& bad : std::initializer_list<Bad>{
           {select(""), "p.toml:3:1: [select] selects nothing: say all = true"},
           {select("all = false"), "selects nothing"},
           {select("sandboxes = true"), "selects nothing"},
           {select("all = true\nnamespaces = [\"a\"]"), "keep one of the two"},
           {select("namespaces = []"), "namespaces is empty"},
           {select("namespaces = \"a\""), "expected a list of strings"},
           {select("namespaces = [\"\"]"), "an empty string"},
           {select("namespace = [\"a\"]"), "did you mean namespaces?"},
           {select("pod_labels = { app = 1 }"), "the label app is an integer"},
           {select("pod_labels = { a.b = \"x\" }"), "put a label's key in quotes"},
           {select("pod_labels = {}"), "pod_labels is empty"},
           {select("pod_expressions = [{ operator = \"In\", values = [\"a\"] }]"), "needs key"},
           {select("pod_expressions = [{ key = \"a\", operator = \"in\", values = [\"a\"] }]"),
            "did you mean In?"},
           {select("pod_expressions = [{ key = \"a\", operator = \"In\" }]"), "needs values"},
           {select("pod_expressions = [{ key = \"a\", operator = \"In\", values = [] }]"), "empty"},
           {select("pod_expressions = [{ key = \"a\", operator = \"Exists\", values = [\"b\"] }]"),
            "takes no values"},
           {select("pod_expressions = [\"a\"]"), "list of tables"},
       }) {
    check(bad);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_rule_is_an_error) {
  for (const Bad& bad : std::initializer_list<Bad>{
           {rule("action = \"deny\""), "[[rule]] needs on"},
           {rule("on = \"exec\"\npaths = [\"/a\"]"), "[[rule]] needs action"},
           {rule("on = \"exec\"\naction = \"deny\""), "[[rule]] needs paths"},
           {rule("on = \"exec\"\naction = \"deny\"\npaths = []"), "paths is empty"},
           {rule("on = \"exce\"\naction = \"deny\"\npaths = [\"/a\"]"), "did you mean exec?"},
           {rule("on = \"capability\"\naction = \"deny\""), "not supported by this version"},
           {rule("on = \"mount\"\naction = \"deny\""), "not supported by this version"},
           {rule("on = \"exec\"\naction = \"block\"\npaths = [\"/a\"]"),
            "action cannot be \"block\""},
           {rule("on = \"exec\"\naction = \"deny\"\npath = [\"/a\"]"), "did you mean paths?"},
           {rule("name = \"default\"\non = \"exec\"\naction = \"deny\"\npaths = [\"/a\"]"),
            "stands for [defaults]"},
           {rule("name = \"a\\nb\"\non = \"exec\"\naction = \"deny\"\npaths = [\"/a\"]"),
            "letters"},
           {rule("on = \"read\"\naction = \"deny\"\npaths = [\"/a\"]\nports = [\"1\"]"),
            "ports has no meaning on read"},
           {rule("on = \"read\"\naction = \"deny\"\npaths = [\"/a\"]\nto = [\"::1\"]"),
            "to has no meaning on read"},
           {connect_with("paths = [\"/a\"]"), "paths has no meaning on connect"},
           {rule("on = \"exec\"\naction = \"deny\"\nanonymous = true"), "it goes with"},
           {rule("on = \"read\"\naction = \"allow\"\nanonymous = true"), "it goes with"},
           {rule("on = \"exec\"\naction = \"allow\"\nanonymous = true\nfrom = [\"/a\"]"),
            "without from"},
           {everywhere(
                "[[rule]]\nname = \"a\"\non = \"exec\"\npaths = [\"/a\"]\naction = \"deny\"\n"
                "[[rule]]\nname = \"a\"\non = \"read\"\npaths = [\"/a\"]\naction = \"deny\"\n"),
            "p.toml:10:1: two rules are named a, the other in line 5"},
           {everywhere("[[rule]]\nname = \"rule-2\"\non = \"exec\"\npaths = [\"/a\"]\naction = "
                       "\"deny\"\n[[rule]]\non = \"read\"\npaths = [\"/a\"]\naction = \"deny\"\n"),
            "two rules are named rule-2"},
       }) {
    check(bad);
  }
}

BOOST_AUTO_TEST_CASE(a_path_that_could_never_match_is_an_error_that_says_the_right_form) {
  const auto deep = [](int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += "/d";
    return out;
  };
  for (const Bad& bad : std::initializer_list<Bad>{
           {exec_of(""), "a path is empty"},
           {exec_of("bin/sh"), "begins with /"},
           {exec_of("/bin//sh"), "write /bin/sh\n"},
           {exec_of("/bin/./sh"), "write /bin/sh\n"},
           {exec_of("/bin/../usr/bin/"), "write /usr/bin/\n"},
           {exec_of("/../.."), "write /\n"},
           {exec_of("/bin//py*"), "write /bin/py*\n"},
           {exec_of("//"), "write /\n"},
           {exec_of("/bin/*"), "write /bin/ for a directory"},
           {exec_of("/b*n/sh"), "\\\\x2a"},
           {exec_of("/bin/s?"), "\\\\x3f"},
           {exec_of("*/a/b"), "one name"},
           {exec_of("*/"), "one name"},
           {exec_of("*/py*"), "* stands only"},
           {exec_of("*"), "write / for every path"},
           {exec_of("/a\\q"), "a backslash must begin"},
           {exec_of("/a\\x00"), "no NUL"},
           {exec_of("/" + std::string(256, 'n')), "can never match"},
           {exec_of("/" + std::string(64, 'n') + "*"), "a prefix has at most 63 bytes"},
           {exec_of(deep(65)), "at most 64 names deep"},
           {exec_of(deep(65) + "/"), "at most 64 names deep"},
           {exec_of("/bin" + deep(63)), "at most 63 names deep below /bin"},
           {exec_of("/a']\nfrom = ['/usr/py*"), "no prefix"},
           {exec_of("/a']\nfrom = ['" + deep(13) + "/"), "at most 12 names deep"},
           {exec_of("/a']\nexcept = ['a"), "except: \"a\""},
       }) {
    check(bad);
  }
  for (const std::string& good :
       {deep(64), deep(64) + "/", "/bin" + deep(62), std::string("/usr/bin/["),
        std::string("/etc/..*"), std::string("/a\\\\b"), std::string("/a\\x2a"),
        "/" + std::string(63, 'n') + "*", "/a']\nfrom = ['" + deep(12) + "/",
        "/a']\nfrom = ['" + deep(64)}) {
    BOOST_TEST(errors_of(exec_of(good)) == "");
  }
}

BOOST_AUTO_TEST_CASE(patterns_are_shown_as_they_would_be_written) {
  for (const std::string text : {"/bin/sh", "/usr/games/", "/", "*/nc", "/usr/bin/python*",
                                 "/a\\x2ab", "/\\x3f\\x5c\\xff", "*/\\x0a"}) {
    BOOST_TEST(policy::to_string(policy::parse_path_pattern(text).value()) == text);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_address_port_or_protocol_is_an_error) {
  for (const Bad& bad : std::initializer_list<Bad>{
           {connect_with("to = [\"example.com\"]"), "names are not looked up"},
           {connect_with("to = [\"10.1.2.3/8\"]"), "write 10.0.0.0/8"},
           {connect_with("to = [\"fd00::1/64\"]"), "write fd00::/64"},
           {connect_with("to = [\"10.0.0.0/33\"]"), "0 to 32"},
           {connect_with("to = [\"::/129\"]"), "0 to 128"},
           {connect_with("to = [\"10.0.0.0/\"]"), "0 to 32"},
           {connect_with("to = [\"10.0.0.0/08\"]"), "0 to 32"},
           {connect_with("to = [\"10.0\"]"), "expected an address"},
           {connect_with("to = [\"fe80::1%eth0\"]"), "expected an address"},
           {connect_with("except = [\"/etc\"]"), "expected an address"},
           {connect_with("ports = [443]"), "put it in quotes"},
           {connect_with("ports = [\"65536\"]"), "0 to 65535"},
           {connect_with("ports = [\"90-80\"]"), "write \"80-90\""},
           {connect_with("ports = [\"1-2-3\"]"), "0 to 65535"},
           {connect_with("ports = [\"-1\"]"), "0 to 65535"},
           {connect_with("ports = [\"https\"]"), "0 to 65535"},
           {connect_with("protocols = [\"sctp\"]"), "expected tcp or udp"},
       }) {
    check(bad);
  }
}

BOOST_AUTO_TEST_CASE(port_blocks_cover_their_range_and_nothing_else) {
  for (const policy::PortRange range : std::initializer_list<policy::PortRange>{{0, 65535},
                                                                                {0, 0},
                                                                                {65535, 65535},
                                                                                {1, 65534},
                                                                                {8000, 8999},
                                                                                {443, 443},
                                                                                {32768, 40000}}) {
    std::vector<int> covered(65536);
    const auto blocks = policy::port_blocks(range);
    BOOST_TEST(blocks.size() <= 30);
    for (const auto& block : blocks) {
      for (std::uint32_t p = block.port; p < block.port + (65536U >> block.length); ++p) {
        ++covered.at(p);
      }
    }
    for (std::uint32_t p = 0; p < 65536; ++p) {
      BOOST_REQUIRE_EQUAL(covered[p], p >= range.first && p <= range.last ? 1 : 0);
    }
  }
}
