#include "hook/spool.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace usher::hook;
namespace fs = std::filesystem;

namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string name = "/tmp/usher-spool-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path); }
  fs::path path;
};

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    files.push_back(entry.path());
  }
  return files;
}

const Subject kSubject{"c1", "kube-system", "pod \"x\"\n", "", {}};
const SpoolEntry kEntry{Stage::create_runtime, "cri-o", &kSubject, "nobody \\ there"};

}  // namespace

BOOST_AUTO_TEST_CASE(a_note_holds_all_its_parts_and_is_readable_by_root_alone) {
  const TemporaryDirectory base;
  const auto spool = base.path / "run" / "failed-open";
  BOOST_REQUIRE(write_spool(spool, kEntry).has_value());
  const auto files = files_in(spool);
  BOOST_REQUIRE(files.size() == 1U);
  BOOST_TEST(files[0].extension() == ".json");
  BOOST_TEST(files[0].filename().string()[0] != '.');
  struct stat info{};
  BOOST_REQUIRE(::stat(files[0].c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777U) == 0600U);
  std::ifstream in(files[0]);
  const auto json = nlohmann::json::parse(in);
  BOOST_TEST(json.size() == 7U);
  BOOST_TEST(json.at("stage") == "createRuntime");
  BOOST_TEST(json.at("runtime") == "cri-o");
  BOOST_TEST(json.at("id") == "c1");
  BOOST_TEST(json.at("namespace") == "kube-system");
  BOOST_TEST(json.at("pod") == "pod \"x\"\n");
  BOOST_TEST(json.at("reason") == "nobody \\ there");
  BOOST_TEST(json.at("time").get<std::string>().size() == sizeof("2026-01-01T00:00:00Z") - 1);
}

BOOST_AUTO_TEST_CASE(each_note_has_a_file_of_its_own) {
  const TemporaryDirectory base;
  for (int i = 0; i < 20; ++i) {
    BOOST_REQUIRE(write_spool(base.path / "s", kEntry).has_value());
  }
  BOOST_TEST(files_in(base.path / "s").size() == 20U);
}

BOOST_AUTO_TEST_CASE(a_full_spool_takes_no_more) {
  const TemporaryDirectory base;
  for (std::size_t i = 0; i + 1 < kMaxSpooled; ++i) {
    std::ofstream(base.path / std::to_string(i));
  }
  BOOST_TEST(write_spool(base.path, kEntry).has_value());
  const auto full = write_spool(base.path, kEntry);
  BOOST_REQUIRE(!full.has_value());
  BOOST_TEST(full.error().message.find("1000") != std::string::npos);
  BOOST_TEST(files_in(base.path).size() == kMaxSpooled);
}

BOOST_AUTO_TEST_CASE(a_link_in_the_spools_place_is_not_followed) {
  const TemporaryDirectory base;
  fs::create_directory(base.path / "elsewhere");
  fs::create_directory_symlink(base.path / "elsewhere", base.path / "spool");
  BOOST_TEST(!write_spool(base.path / "spool", kEntry).has_value());
  BOOST_TEST(files_in(base.path / "elsewhere").empty());
}

BOOST_AUTO_TEST_CASE(a_spool_that_cannot_be_made_is_an_error_with_its_path) {
  const TemporaryDirectory base;
  std::ofstream(base.path / "file");
  const auto written = write_spool(base.path / "file" / "spool", kEntry);
  BOOST_REQUIRE(!written.has_value());
  BOOST_TEST(written.error().message.find("/file/spool") != std::string::npos);
}
