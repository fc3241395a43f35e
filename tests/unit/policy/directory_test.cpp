#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "base/file.hpp"
#include "parsed.hpp"

using namespace usher;
using namespace usher::test;

namespace {

struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "usher-policy-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  void write(const std::string& name, const std::string& policy_name) const {
    const std::string text = "[policy]\nname = \"" + policy_name +
                             "\"\n[select]\nall = true\n[defaults]\nexec = \"deny\"\n";
    BOOST_REQUIRE(write_file(path / name, text).has_value());
  }
  std::filesystem::path path;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_directory_gives_its_policies_by_name, Directory) {
  write("20.toml", "alpha");
  write("10.toml", "beta");
  write("notes.txt", "gamma");
  write(".hidden.toml", "delta");
  const auto result = policy::load_directory(path);
  BOOST_TEST(result.errors.empty());
  BOOST_REQUIRE(result.policies.size() == 2);
  BOOST_TEST(result.policies[0]->name == "alpha");
  BOOST_TEST(result.policies[1]->name == "beta");
  BOOST_TEST(result.policies[0]->source.starts_with("[policy]\n"));
}

BOOST_FIXTURE_TEST_CASE(a_mounted_config_map_is_read_through_its_links, Directory) {
  std::filesystem::create_directory(path / "..2026");
  write("..2026/a.toml", "alpha");
  std::filesystem::create_directory_symlink("..2026", path / "..data");
  std::filesystem::create_symlink("..data/a.toml", path / "a.toml");
  const auto result = policy::load_directory(path);
  BOOST_TEST(result.errors.empty());
  BOOST_TEST(result.policies.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(two_files_with_one_policy_name_are_both_named, Directory) {
  write("a.toml", "same");
  write("b.toml", "same");
  const auto result = policy::load_directory(path);
  BOOST_REQUIRE(result.errors.size() == 1);
  const std::string text = result.errors[0].text();
  BOOST_TEST(text.find((path / "a.toml").string()) != std::string::npos);
  BOOST_TEST(text.find((path / "b.toml").string() + ":1:1") != std::string::npos);
  BOOST_TEST(result.policies.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_bad_file_leaves_the_good_ones, Directory) {
  write("a.toml", "alpha");
  BOOST_REQUIRE(write_file(path / "b.toml", "[policy").has_value());
  std::filesystem::create_directory(path / "c.toml");
  std::filesystem::create_symlink("nowhere", path / "d.toml");
  const auto result = policy::load_directory(path);
  BOOST_TEST(result.policies.size() == 1);
  BOOST_TEST(result.errors.size() == 3);
}

BOOST_AUTO_TEST_CASE(a_directory_that_cannot_be_read_is_an_error) {
  const auto result = policy::load_directory("/nonexistent/policy.d");
  BOOST_REQUIRE(result.errors.size() == 1);
  BOOST_TEST(result.errors[0].text().starts_with("/nonexistent/policy.d: cannot read"));
}

BOOST_AUTO_TEST_CASE(the_shipped_examples_are_valid) {
  const auto result = policy::load_directory(TEST_SOURCE_DIR "/../config/policy.d");
  for (const auto& error : result.errors) {
    BOOST_ERROR(error.text());
  }
  BOOST_TEST(result.policies.size() >= 3);
}

BOOST_AUTO_TEST_CASE(the_reference_s_example_is_valid) {
  const auto page = read_file(TEST_SOURCE_DIR "/../docs/policy-reference.md");
  BOOST_REQUIRE(page.has_value());
  const std::string begin = "```toml\n";
  const auto at = page->find(begin) + begin.size();
  const auto p = parsed(page->substr(at, page->find("```", at) - at));
  BOOST_TEST(p->rules.size() == 2);
}
