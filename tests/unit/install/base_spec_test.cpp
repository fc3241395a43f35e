// The base runtime spec with our hooks.
#include "containerd/install/base_spec.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "base/file.hpp"

using nlohmann::json;
using usher::containerd::base_spec;
using usher::containerd::SpecOrigin;

namespace {

usher::install::Options options() {
  usher::install::Options out;
  out.runtime = "containerd";
  return out;
}

json made(const std::string& from, SpecOrigin origin) {
  const auto out = base_spec(from, origin, options(), "/opt/usher-hook-1");
  BOOST_TEST_REQUIRE(out.has_value(), (out ? "" : out.error().message));
  return json::parse(*out);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(containerd_base_spec)

BOOST_AUTO_TEST_CASE(containerds_own_loses_its_rlimits_and_nothing_else) {
  for (const char* name : {"1.6", "1.7", "2.1"}) {
    const auto text = usher::read_file(std::string(TEST_SOURCE_DIR) + "/fixtures/containerd/spec-" +
                                       name + ".json")
                          .value();
    auto expected = json::parse(text);
    BOOST_TEST(expected["process"].contains("rlimits"));
    expected["process"].erase("rlimits");
    auto spec = made(text, SpecOrigin::containerd);
    const json hooks = spec["hooks"];
    spec.erase("hooks");
    BOOST_TEST(spec == expected);
    BOOST_TEST(hooks == json::parse(R"({
      "createRuntime": [{"path": "/opt/usher-hook-1",
        "args": ["usher-hook", "createRuntime", "--runtime", "containerd", "--socket",
                 "/run/usher/hook.sock", "--timeout", "5000", "--fail", "closed"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "timeout": 10}],
      "poststop": [{"path": "/opt/usher-hook-1",
        "args": ["usher-hook", "poststop", "--runtime", "containerd", "--socket",
                 "/run/usher/hook.sock", "--timeout", "1000", "--fail", "closed"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "timeout": 6}]})"));
  }
}

BOOST_AUTO_TEST_CASE(a_persons_keeps_its_hooks_and_its_rlimits) {
  const auto spec = made(R"({"process": {"rlimits": [{"type": "RLIMIT_NOFILE"}]},
                             "hooks": {"prestart": [{"path": "/p"}],
                                       "createRuntime": [{"path": "/a", "args": ["a"]}]}})",
                         SpecOrigin::configured);
  BOOST_TEST(spec["process"]["rlimits"].size() == 1U);
  BOOST_TEST(spec["hooks"]["prestart"].size() == 1U);
  BOOST_TEST_REQUIRE(spec["hooks"]["createRuntime"].size() == 2U);
  BOOST_TEST(spec["hooks"]["createRuntime"][0]["path"] == "/a");
  BOOST_TEST(spec["hooks"]["createRuntime"][1]["path"] == "/opt/usher-hook-1");
}

BOOST_AUTO_TEST_CASE(an_earlier_hook_of_ours_goes) {
  const auto once = base_spec("{}", SpecOrigin::configured, options(), "/old").value();
  BOOST_TEST(base_spec(once, SpecOrigin::configured, options(), "/new").value() ==
             base_spec("{}", SpecOrigin::configured, options(), "/new").value());
}

BOOST_AUTO_TEST_CASE(what_is_no_spec_is_refused) {
  for (const char* text : {"", "[]", "{", "{\"hooks\": 1}", "{\"hooks\": {\"poststop\": {}}}",
                           "{\"hooks\": {\"createRuntime\": [1]}}"}) {
    BOOST_TEST(!base_spec(text, SpecOrigin::configured, options(), "/x").has_value(), text);
  }
  BOOST_TEST(base_spec("{\"hooks\": null}", SpecOrigin::configured, options(), "/x").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
