#include "enforce/config_map.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <vector>

#include "policy/keyed_hash.hpp"

using usher::enforce::has_key;
using usher::enforce::prepare_config;
using usher::enforce::set_host_roots;

namespace {

bool holds(const usher_config& config, std::uint64_t root) {
  return std::ranges::find(config.host_root, root) != std::end(config.host_root);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_map)

BOOST_AUTO_TEST_CASE(a_key_is_drawn_once_and_kept) {
  usher_config config{};
  BOOST_TEST(!has_key(config));
  BOOST_REQUIRE(prepare_config(config, 10, 1000).has_value());
  BOOST_TEST(has_key(config));
  BOOST_TEST((config.key.mul1 & config.key.mul2 & config.key.mul3 & 1) == 1U);
  const usher_key first = config.key;
  BOOST_REQUIRE(prepare_config(config, 20, 500).has_value());
  BOOST_TEST(std::memcmp(&first, &config.key, sizeof first) == 0);
  BOOST_TEST(config.event_burst == 20U);
  BOOST_TEST(config.event_window_ms == 500U);
}

BOOST_AUTO_TEST_CASE(two_keys_differ) {
  usher_config one{};
  usher_config other{};
  BOOST_REQUIRE(prepare_config(one, 1, 1).has_value());
  BOOST_REQUIRE(prepare_config(other, 1, 1).has_value());
  BOOST_TEST(std::memcmp(&one.key, &other.key, sizeof one.key) != 0);
}

BOOST_AUTO_TEST_CASE(the_names_of_merged_directories_are_hashed_with_the_key) {
  usher_config config{};
  BOOST_REQUIRE(prepare_config(config, 1, 1).has_value());
  BOOST_TEST(config.merged_hash[0] == usher::policy::hash_name(config.key, "bin"));
  BOOST_TEST(config.merged_hash[5] == usher::policy::hash_name(config.key, "libx32"));
  BOOST_TEST(config.usr_hash == usher::policy::hash_name(config.key, "usr"));
}

BOOST_AUTO_TEST_CASE(roots_that_are_gone_are_replaced_and_the_rest_stay) {
  usher_config config{};
  BOOST_REQUIRE(set_host_roots(config, std::vector<std::uint64_t>{7, 8}).has_value());
  BOOST_REQUIRE(set_host_roots(config, std::vector<std::uint64_t>{8, 9}).has_value());
  BOOST_TEST(!holds(config, 7));
  BOOST_TEST(holds(config, 8));
  BOOST_TEST(holds(config, 9));
}

BOOST_AUTO_TEST_CASE(no_root_or_too_many_are_errors) {
  usher_config config{};
  BOOST_TEST(!set_host_roots(config, {}).has_value());
  BOOST_TEST(
      !set_host_roots(config, std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
