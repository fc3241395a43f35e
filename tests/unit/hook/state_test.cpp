#include "hook/state.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace usher::hook;

namespace {

std::string error_of(std::string_view json) {
  const auto state = parse_state(json);
  return state ? "" : state.error().message;
}

bool says(const std::string& text, const std::string& part) {
  BOOST_TEST_MESSAGE(text);
  return text.find(part) != std::string::npos;
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(id_and_annotations_are_read_and_the_rest_is_passed_over) {
  const auto state = parse_state(
      R"({"ociVersion":"1.0","pid":7,"root":null,"id":"abc","x":{"id":[1,{"annotations":2}],"y":1.5},)"
      R"("annotations":{"a":"1","b\u00e9":"\n"},"list":["id"],"z":true})");
  BOOST_REQUIRE(state.has_value());
  BOOST_TEST(state->id == "abc");
  BOOST_TEST(state->annotations.size() == 2U);
  BOOST_TEST(state->annotations.at("a") == "1");
  BOOST_TEST(state->annotations.at("b\xc3\xa9") == "\n");
}

BOOST_AUTO_TEST_CASE(a_state_without_annotations_is_whole) {
  BOOST_TEST(parse_state(R"({"id":"abc"})")->annotations.empty());
  BOOST_TEST(parse_state("{}")->id.empty());
}

BOOST_AUTO_TEST_CASE(nested_objects_do_not_lend_their_keys) {
  const auto state = parse_state(
      R"({"other":{"annotations":{"ns":"kube-system"},"id":"no"},"annotations":{"ns":"mine"},"id":"yes"})");
  BOOST_REQUIRE(state.has_value());
  BOOST_TEST(state->id == "yes");
  BOOST_TEST(state->annotations.at("ns") == "mine");
}

BOOST_AUTO_TEST_CASE(what_is_given_twice_is_an_error) {
  BOOST_TEST(says(error_of(R"({"id":"a","id":"b"})"), "\"id\" is given twice"));
  BOOST_TEST(says(error_of(R"({"annotations":{},"annotations":{"a":"b"}})"), "given twice"));
  BOOST_TEST(says(error_of(R"({"annotations":{"ns":"a","ns":"b"}})"), "\"ns\" is given twice"));
}

BOOST_AUTO_TEST_CASE(wrong_types_are_errors_that_name_the_key) {
  BOOST_TEST(says(error_of(R"({"id":7})"), "\"id\" is a number"));
  BOOST_TEST(says(error_of(R"({"id":{"a":1}})"), "\"id\" is an object"));
  BOOST_TEST(says(error_of(R"({"annotations":[]})"), "\"annotations\" is an array"));
  BOOST_TEST(says(error_of(R"({"annotations":null})"), "\"annotations\" is null"));
  BOOST_TEST(says(error_of(R"({"annotations":{"ns":{"a":"b"}}})"), "\"ns\" is an object"));
  BOOST_TEST(says(error_of(R"({"annotations":{"ns":["kube-system"]}})"), "\"ns\" is an array"));
  BOOST_TEST(says(error_of(R"({"annotations":{"ns":true}})"), "\"ns\" is a boolean"));
  for (const char* document : {"[]", "\"id\"", "7", "null", "true"}) {
    BOOST_TEST(says(error_of(document), "an object was expected"));
  }
}

BOOST_AUTO_TEST_CASE(hostile_text_is_refused_without_harm) {
  for (const std::string& json :
       {std::string(), std::string("{"), std::string(R"({"id":"a"} trailing)"),
        std::string(R"({"id":"a"}{"id":"b"})"), std::string("{\"id\":\"\xff\"}"),
        std::string(R"({"id":"\ud800"})"), std::string("{\"id\":\"a\0b\"}", 12),
        std::string(R"({"id":"a",})"), std::string(R"({id:"a"})"), std::string("\xef\xbb\xbf"),
        std::string(R"({"annotations":{"a":"b")"), std::string("{\"a\":1e999999}"),
        std::string("{\"a\":/*c*/1}")}) {
    BOOST_TEST(error_of(json) != "", json);
  }
}

BOOST_AUTO_TEST_CASE(depth_is_bounded) {
  const auto nested = [](int depth) {
    return R"({"x":)" + repeated("[", depth) + repeated("]", depth) + "}";
  };
  BOOST_TEST(error_of(nested(kMaxDepth - 1)) == "");
  BOOST_TEST(says(error_of(nested(kMaxDepth)), "too deep"));
  BOOST_TEST(says(error_of(R"({"x":)" + repeated("[", 2'000'000)), "too deep"));
  BOOST_TEST(says(error_of(repeated(R"({"x":)", 500'000)), "too deep"));
}

BOOST_AUTO_TEST_CASE(a_string_map_is_flat_and_strict) {
  BOOST_TEST(parse_string_map(R"({"a":"b","id":"c","annotations":"d"})")->size() == 3U);
  BOOST_TEST(!parse_string_map(R"({"a":{"b":"c"}})").has_value());
  BOOST_TEST(!parse_string_map(R"({"a":"b","a":"c"})").has_value());
  BOOST_TEST(!parse_string_map("").has_value());
}
