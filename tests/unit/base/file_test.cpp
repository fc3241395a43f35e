#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "base/file.hpp"

namespace {

struct Scratch {
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "usher-file-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path path;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_fifo_is_refused_and_holds_nobody_up, Scratch) {
  BOOST_REQUIRE(::mkfifo((path / "f").c_str(), 0600) == 0);
  const auto read = usher::read_file(path / "f");
  BOOST_REQUIRE(!read.has_value());
  BOOST_TEST(read.error().message.ends_with("it is no regular file"));
  BOOST_TEST(!usher::read_file("/dev/zero").has_value());
}

BOOST_FIXTURE_TEST_CASE(what_was_written_is_read_back_with_its_mode, Scratch) {
  BOOST_REQUIRE(usher::write_file(path / "f", "one", 0640).has_value());
  BOOST_REQUIRE(usher::write_file(path / "f", "two", 0640).has_value());
  BOOST_TEST(usher::read_file(path / "f").value() == "two");
  struct stat st{};
  BOOST_REQUIRE(::stat((path / "f").c_str(), &st) == 0);
  BOOST_TEST((st.st_mode & 0777) == 0640U);
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(path), {}) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_file_over_the_limit_is_an_error_that_says_so, Scratch) {
  BOOST_REQUIRE(usher::write_file(path / "f", std::string(100, 'x')).has_value());
  const auto read = usher::read_file(path / "f", 99);
  BOOST_REQUIRE(!read.has_value());
  BOOST_TEST(read.error().message.find("more than 99 bytes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_named_in_the_error) {
  const auto read = usher::read_file("/nonexistent/usher");
  BOOST_REQUIRE(!read.has_value());
  BOOST_TEST(read.error().message.find("/nonexistent/usher") != std::string::npos);
  BOOST_TEST(read.error().code == ENOENT);
}
