#include "agent/policy_store.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "doubles.hpp"

namespace usher::agent::test {

namespace {

std::string good(const std::string& name) {
  return "[policy]\nname = \"" + name +
         "\"\n[select]\nall = true\n[[rule]]\nname = \"r\"\non = \"exec\"\npaths = [\"/bin/sh\"]\n"
         "action = \"deny\"\n";
}

struct Directory {
  TemporaryDirectory root;
  std::filesystem::path policies = root.path() / "policy.d";
  std::filesystem::path saved = root.path() / "last-good.json";
  bool can = true;
  PolicyStore store = make(false);

  Directory() { std::filesystem::create_directory(policies); }
  PolicyStore make(bool allow_empty) {
    return PolicyStore({policies, saved, allow_empty}, [this](const policy::Policy&) {
      return can ? Result<>{} : Result<>(fail("this kernel cannot judge reads"));
    });
  }
  void put(const std::string& file, const std::string& text) {
    BOOST_REQUIRE(write_file(policies / file, text, 0600, false));
  }
  static std::vector<std::string> names(const PolicyStore& of) {
    std::vector<std::string> out;
    for (const auto& policy : of.set().policies) {
      out.push_back(policy->name);
    }
    return out;
  }
};

using Names = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(policy_store, Directory)

BOOST_AUTO_TEST_CASE(policies_are_in_order_of_name_and_current) {
  put("1.toml", good("b"));
  put("2.toml", good("a"));
  store.load();
  BOOST_TEST(names(store) == (Names{"a", "b"}), boost::test_tools::per_element());
  BOOST_TEST(store.current());
  BOOST_TEST((store.items().front().state == PolicyStore::State::current));
}

BOOST_AUTO_TEST_CASE(texts_in_place_of_a_directory_are_taken_the_same_way) {
  Result<std::map<std::string, std::string>> texts = fail("nobody sent any yet");
  const auto made = [&] {
    return PolicyStore({{}, saved, true, [&] { return texts; }},
                       [](const policy::Policy&) { return Result<>{}; });
  };
  auto sent = made();
  sent.load();
  BOOST_TEST(!sent.current());
  BOOST_TEST(sent.errors().at(0) == "nobody sent any yet");
  texts =
      std::map<std::string, std::string>{{"host:a.toml", good("a")}, {"host:.b.toml", good("b")}};
  sent.load();
  BOOST_TEST(sent.current());
  BOOST_TEST(names(sent) == (Names{"a", "b"}), boost::test_tools::per_element());
  texts->at("host:a.toml") = "broken";
  sent.load();
  BOOST_TEST(names(sent) == (Names{"a", "b"}), boost::test_tools::per_element());
  BOOST_TEST((sent.items().back().state == PolicyStore::State::last_good));
  texts->at("host:a.toml") = good("b");
  sent.load();
  BOOST_TEST(sent.errors().at(0).find("is in host:.b.toml already") != std::string::npos);
  texts->erase("host:a.toml");
  sent.load();
  BOOST_TEST(names(sent) == (Names{"b"}), boost::test_tools::per_element());
  BOOST_REQUIRE(sent.save());

  // The next one begins with them, until it is sent others.
  texts = fail("nobody sent any yet");
  auto next = made();
  next.restore();
  next.load();
  BOOST_TEST(names(next) == (Names{"b"}), boost::test_tools::per_element());
  BOOST_TEST((next.items().at(0).state == PolicyStore::State::last_good));
}

BOOST_AUTO_TEST_CASE(a_bad_file_keeps_its_last_good_version_and_others_change) {
  put("1.toml", good("a"));
  put("2.toml", good("b"));
  store.load();
  put("1.toml", "[policy]\nnome = 1\n");
  put("2.toml", good("c"));
  store.load();
  BOOST_TEST(names(store) == (Names{"a", "c"}), boost::test_tools::per_element());
  BOOST_TEST(!store.current());
  BOOST_TEST((store.items().front().state == PolicyStore::State::last_good));
  BOOST_TEST(store.items().front().error.find("1.toml:") != std::string::npos);
  put("1.toml", good("a"));
  store.load();
  BOOST_TEST(store.current());
}

BOOST_AUTO_TEST_CASE(a_bad_file_without_a_good_version_is_refused) {
  put("1.toml", "x");
  store.load();
  BOOST_TEST(store.set().policies.empty());
  BOOST_TEST((store.items().front().state == PolicyStore::State::refused));
}

BOOST_AUTO_TEST_CASE(unchanged_files_give_the_same_policy_objects) {
  put("1.toml", good("a"));
  put("2.toml", good("b"));
  store.load();
  const auto before = store.set().policies;
  put("2.toml", good("b") + "# more\n");
  store.load();
  BOOST_TEST(store.set().policies[0] == before[0]);
  BOOST_TEST(store.set().policies[1] != before[1]);
}

BOOST_AUTO_TEST_CASE(a_removed_file_takes_its_policy_away) {
  put("1.toml", good("a"));
  put("2.toml", good("b"));
  store.load();
  std::filesystem::remove(policies / "1.toml");
  store.load();
  BOOST_TEST(names(store) == Names{"b"}, boost::test_tools::per_element());
  BOOST_TEST(store.current());
}

BOOST_AUTO_TEST_CASE(an_emptied_or_missing_directory_changes_nothing) {
  put("1.toml", good("a"));
  store.load();
  std::filesystem::remove(policies / "1.toml");
  store.load();
  BOOST_TEST(names(store) == Names{"a"}, boost::test_tools::per_element());
  BOOST_TEST(!store.current());
  BOOST_TEST(store.errors().front().find("allow_empty") != std::string::npos);
  std::filesystem::remove(policies);
  store.load();
  BOOST_TEST(names(store) == Names{"a"}, boost::test_tools::per_element());
  BOOST_TEST(!store.current());
}

BOOST_AUTO_TEST_CASE(allow_empty_lets_a_node_enforce_nothing) {
  auto lax = make(true);
  lax.load();
  BOOST_TEST(lax.current());
  BOOST_TEST(lax.set().policies.empty());
}

BOOST_AUTO_TEST_CASE(a_directory_of_kept_versions_that_was_removed_is_made_anew) {
  saved = root.path() / "state" / "last-good.json";
  auto kept = make(false);
  put("1.toml", good("a"));
  kept.load();
  BOOST_TEST(kept.save().has_value());
  BOOST_TEST(std::filesystem::exists(saved));
}

BOOST_AUTO_TEST_CASE(a_start_that_finds_a_bad_file_uses_the_version_kept_on_disk) {
  put("1.toml", good("a") + "# \xe2\x82\xac \\ \"\n");
  store.load();
  BOOST_REQUIRE(store.save());
  put("1.toml", "broken");
  auto next = make(false);
  next.restore();
  next.load();
  BOOST_TEST(names(next) == Names{"a"}, boost::test_tools::per_element());
  BOOST_TEST((next.items().front().state == PolicyStore::State::last_good));
  BOOST_TEST(next.restore_problems().empty());
  // The text is what guests are sent.
  BOOST_TEST_REQUIRE(next.set().policies.size() == 1U);
  BOOST_TEST(next.set().policies[0]->source == good("a") + "# \xe2\x82\xac \\ \"\n");
}

BOOST_AUTO_TEST_CASE(a_start_that_finds_an_emptied_directory_uses_what_was_kept) {
  put("1.toml", good("a"));
  store.load();
  BOOST_REQUIRE(store.save());
  std::filesystem::remove(policies / "1.toml");
  auto next = make(false);
  next.restore();
  next.load();
  BOOST_TEST(names(next) == Names{"a"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_damaged_last_good_file_is_said_and_left_out) {
  BOOST_REQUIRE(write_file(saved, "{"));
  put("1.toml", good("a"));
  store.restore();
  store.load();
  BOOST_TEST(store.restore_problems().size() == 1U);
  BOOST_TEST(names(store) == Names{"a"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_last_good_version_that_this_node_cannot_carry_out_is_said) {
  put("1.toml", good("a"));
  store.load();
  BOOST_REQUIRE(store.save());
  can = false;
  auto next = make(false);
  next.restore();
  BOOST_TEST_REQUIRE(next.restore_problems().size() == 1U);
  BOOST_TEST(next.restore_problems()[0].find("cannot judge reads") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_this_node_cannot_carry_out_is_refused_like_an_error) {
  put("1.toml", good("a"));
  can = false;
  store.load();
  BOOST_TEST(store.set().policies.empty());
  BOOST_TEST(store.items().front().error.find("cannot judge reads") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(two_files_with_one_name_do_not_both_apply) {
  put("1.toml", good("a"));
  put("2.toml", good("b"));
  store.load();
  put("2.toml", good("a"));
  store.load();
  BOOST_TEST(!store.current());
  BOOST_TEST(std::ranges::count(names(store), "a") == 1);
}

BOOST_AUTO_TEST_CASE(the_name_of_a_broken_files_last_good_version_can_be_taken_over) {
  put("1.toml", good("a"));
  store.load();
  put("1.toml", "broken");
  put("2.toml", good("a"));
  store.load();
  BOOST_REQUIRE_EQUAL(store.set().policies.size(), 1U);
  BOOST_TEST(store.set().policies[0]->at.file.ends_with("2.toml"));
}

BOOST_AUTO_TEST_CASE(a_configmaps_swap_is_seen) {
  std::filesystem::create_directory(policies / "..one");
  std::filesystem::create_directory(policies / "..two");
  put("..one/p.toml", good("a"));
  put("..two/p.toml", good("b"));
  std::filesystem::create_symlink("..one", policies / "..data");
  std::filesystem::create_symlink("..data/p.toml", policies / "p.toml");
  store.load();
  BOOST_TEST(names(store) == Names{"a"}, boost::test_tools::per_element());
  std::filesystem::create_symlink("..two", policies / "..next");
  std::filesystem::rename(policies / "..next", policies / "..data");
  store.load();
  BOOST_TEST(names(store) == Names{"b"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
