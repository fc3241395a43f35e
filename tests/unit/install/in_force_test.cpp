// What a running containerd says of itself.
#include "containerd/install/in_force.hpp"

#include <boost/test/unit_test.hpp>

using usher::containerd::handlers_in;

BOOST_AUTO_TEST_SUITE(containerd_in_force)

BOOST_AUTO_TEST_CASE(the_base_specs_of_its_runtimes_are_read) {
  const auto told = handlers_in(R"({"containerd": {"runtimes": {"runc": {"baseRuntimeSpec": "/a"},
                                                              "other": {}, "odd": 3}}})");
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST_REQUIRE(told->runtimes.size() == 3U);
  BOOST_TEST(told->runtimes.at("runc").base_spec == "/a");
  BOOST_TEST(told->runtimes.at("other").base_spec == "");
  BOOST_TEST(told->runtimes.at("odd").base_spec == "");
}

BOOST_AUTO_TEST_CASE(what_is_no_configuration_is_refused) {
  for (const char* text : {"", "3", "[]", "{}", "{\"containerd\": 1}", "{\"containerd\": {}}",
                           "{\"containerd\": {\"runtimes\": []}}"}) {
    BOOST_TEST(!handlers_in(text).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(without_a_server_it_says_so) {
  BOOST_TEST(!usher::containerd::in_force("/nonexistent.sock", std::chrono::milliseconds(200))
                  .has_value());
}

BOOST_AUTO_TEST_SUITE_END()
