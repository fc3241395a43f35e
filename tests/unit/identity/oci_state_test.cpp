#include "identity/oci_state.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using usher::identity::kMaxStateSize;
using usher::identity::parse_oci_state;

namespace {

// A state with one more member put in.
std::string state_with(const std::string& member) {
  return R"({"ociVersion":"1.0.2-dev","id":"abc","status":"creating","bundle":"/b")" +
         (member.empty() ? "" : "," + member) + "}";
}

void refuses(const std::string& json, const std::string& because) {
  const auto state = parse_oci_state(json);
  BOOST_TEST_REQUIRE(!state.has_value(), json.substr(0, 200));
  BOOST_TEST(state.error().message.find(because) != std::string::npos, state.error().message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(oci_state)

BOOST_AUTO_TEST_CASE(runc_at_create_runtime) {
  const auto state = parse_oci_state(
      R"({"ociVersion":"1.0.2-dev","id":"c1","status":"creating","pid":4242,"bundle":"/run/b/c1",)"
      R"("annotations":{"io.kubernetes.pod.name":"web-0","empty":""}})");
  BOOST_TEST_REQUIRE(state.has_value());
  BOOST_TEST(state->oci_version == "1.0.2-dev");
  BOOST_TEST(state->id == "c1");
  BOOST_TEST(state->status == "creating");
  BOOST_TEST(state->pid == 4242);
  BOOST_TEST(state->bundle == "/run/b/c1");
  BOOST_TEST(state->root == "");
  BOOST_TEST(state->annotations.size() == 2U);
  BOOST_TEST(state->annotations.at("io.kubernetes.pod.name") == "web-0");
}

BOOST_AUTO_TEST_CASE(crun_adds_root_and_leaves_out_annotations) {
  const auto state = parse_oci_state(
      R"({ "ociVersion":"1.0", "id":"c1", "pid":0, "root":"rootfs", "bundle":"/b", "status":"created" })");
  BOOST_TEST_REQUIRE(state.has_value());
  BOOST_TEST(state->root == "rootfs");
  BOOST_TEST(state->pid == 0);
  BOOST_TEST(state->annotations.empty());
}

BOOST_AUTO_TEST_CASE(a_poststop_state_has_no_pid) {
  const auto state = parse_oci_state(state_with(""));
  BOOST_TEST_REQUIRE(state.has_value());
  BOOST_TEST(state->pid == 0);
}

BOOST_AUTO_TEST_CASE(unknown_members_of_any_shape_are_left_alone) {
  const auto state = parse_oci_state(state_with(
      R"("x":{"id":"other","pid":-1,"annotations":{"a":1}},"y":[1,{"id":2}],"z":null,"f":1.5,"b":true,"n":-3,"m":3,"s":"t")"));
  BOOST_TEST_REQUIRE(state.has_value());
  BOOST_TEST(state->id == "abc");
  BOOST_TEST(state->annotations.empty());
}

BOOST_AUTO_TEST_CASE(null_annotations_are_none) {
  BOOST_TEST(parse_oci_state(state_with(R"("annotations":null)")).has_value());
}

BOOST_AUTO_TEST_CASE(duplicates_are_refused) {
  refuses(state_with(R"("id":"other")"), "\"id\" is there twice");
  refuses(state_with(R"("annotations":{},"annotations":{})"), "\"annotations\" is there twice");
  refuses(state_with(R"("annotations":{"k":"1","k":"2"})"), "annotation \"k\" is there twice");
  // The same key by another spelling.
  refuses(state_with(R"("\u0069d":"other")"), "\"id\" is there twice");
}

BOOST_AUTO_TEST_CASE(wrong_types_are_refused_by_key) {
  refuses(state_with(R"("pid":"12")"), "\"pid\" must be a whole number");
  refuses(state_with(R"("pid":1.5)"), "\"pid\" must be a whole number");
  refuses(state_with(R"("pid":null)"), "\"pid\" must be a whole number");
  refuses(state_with(R"("pid":[1])"), "\"pid\" must be a whole number");
  refuses(state_with(R"("pid":-4)"), "cannot be negative");
  refuses(state_with(R"("pid":4294967297)"), "no pid is above");
  refuses(state_with(R"("root":7)"), "\"root\" must be a string");
  refuses(state_with(R"("root":{"path":"/"})"), "\"root\" must be a string");
  refuses(state_with(R"("annotations":[])"), "\"annotations\" must be an object of strings");
  refuses(state_with(R"("annotations":"x")"), "\"annotations\" must be an object of strings");
  refuses(state_with(R"("annotations":{"k":1})"), "annotation \"k\" must be a string");
  refuses(state_with(R"("annotations":{"k":{"x":"y"}})"), "annotation \"k\" must be a string");
  refuses(state_with(R"("annotations":{"k":null})"), "annotation \"k\" must be a string");
}

BOOST_AUTO_TEST_CASE(missing_members_are_refused) {
  refuses(R"({})", "\"id\" is missing");
  refuses(R"({"id":"a","bundle":"/b"})", "\"status\" is missing");
  refuses(R"({"id":"a","status":"created"})", "\"bundle\" is missing");
}

BOOST_AUTO_TEST_CASE(ids_that_are_no_names_are_refused) {
  for (const char* id : {"", ".", "..", "a/b", "../x", "a\\u0000b"}) {
    refuses(R"({"status":"created","bundle":"/b","id":")" + std::string(id) + "\"}", "\"id\" must");
  }
  refuses(R"({"status":"created","bundle":"/b","id":")" + std::string(2000, 'a') + "\"}",
          "\"id\" must");
}

BOOST_AUTO_TEST_CASE(paths_that_are_none_are_refused) {
  refuses(R"({"status":"created","bundle":"b","id":"a"})", "\"bundle\" must be an absolute path");
  refuses(state_with(R"("root":"a\u0000b")"), "\"root\" must be a path");
}

BOOST_AUTO_TEST_CASE(what_is_no_object_is_refused) {
  for (const char* json : {"", " ", "[]", "[{}]", "null", "1", "-1", "1.5", "true", "\"x\"", "{",
                           "{\"id\":", "nul", "{} {}", "\x00", "{\"id\":\"\xff\"}"}) {
    BOOST_TEST(!parse_oci_state(json).has_value(), json);
  }
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_refused) {
  refuses(state_with("\"x\":" + std::string(100'000, '[')), "nested deeper");
  std::string objects;
  for (int i = 0; i < 1000; ++i) {
    objects += "{\"a\":";
  }
  refuses(state_with("\"x\":" + objects), "nested deeper");
}

BOOST_AUTO_TEST_CASE(size_is_bounded) {
  refuses(state_with("\"x\":\"" + std::string(kMaxStateSize, 'a') + "\""), "larger than");
  const std::string most(kMaxStateSize - state_with("\"x\":\"\"").size(), 'a');
  BOOST_TEST(parse_oci_state(state_with("\"x\":\"" + most + "\"")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
