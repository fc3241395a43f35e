#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ctl_double.hpp"

namespace usher::ctl::test {
namespace {

class Files {
 public:
  Files() {
    std::string name = "/tmp/usher-policies-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Files() { std::filesystem::remove_all(path_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string policy_on(const std::string& name, const std::string& operation) {
  return "[policy]\nname = \"" + name +
         "\"\n[select]\nnamespaces = [\"payments\"]\n[[rule]]\nname = \"r\"\non = \"" + operation +
         "\"\npaths = [\"/a/\"]\naction = \"deny\"\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies_check)

BOOST_AUTO_TEST_CASE(good_files_and_directories_pass) {
  const Files files;
  files.write("policy.d/one.toml", policy_on("one", "write"));
  files.write("policy.d/two.toml", policy_on("two", "read"));
  Box box;
  const auto outcome = box.run({"policies", "check", files.path() + "/policy.d"});
  BOOST_TEST(outcome.code == kOk);
  BOOST_TEST(outcome.out.find("2 policies, 0 errors") == 0U);
  BOOST_TEST(box.asked.empty());
}

BOOST_AUTO_TEST_CASE(an_error_names_file_line_and_column) {
  const Files files;
  const auto file = files.write("bad.toml", "[policy]\nname = \"x\"\ncolour = 1\n");
  Box box;
  const auto outcome = box.run({"policies", "check", file});
  BOOST_TEST(outcome.code == kFailed);
  BOOST_TEST(outcome.err.find(file + ":3:1: ") != std::string::npos);
  const auto json = nlohmann::json::parse(box.run({"policies", "check", file, "--json"}).out);
  BOOST_TEST(json["ok"] == false);
  BOOST_TEST(json["errors"][0]["line"] == 3);
}

BOOST_AUTO_TEST_CASE(one_name_in_two_files_is_an_error) {
  const Files files;
  const auto one = files.write("one.toml", policy_on("same", "read"));
  const auto two = files.write("two.toml", policy_on("same", "read"));
  Box box;
  const auto outcome = box.run({"policies", "check", one, two});
  BOOST_TEST(outcome.code == kFailed);
  BOOST_TEST(outcome.err.find(one) != std::string::npos);
  BOOST_TEST(outcome.err.find(two) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_the_backend_cannot_do_is_an_error_for_that_backend) {
  const Files files;
  const auto file = files.write("files.toml", policy_on("files", "write"));
  Box box;
  BOOST_TEST(box.run({"policies", "check", file}).code == kOk);
  const auto refused = box.run({"policies", "check", file, "--backend", "tracepoint"});
  BOOST_TEST(refused.code == kFailed);
  BOOST_TEST(refused.err.find("tracepoint") != std::string::npos);
}

// `count` policies of `rules` rules each, all for one namespace.
void write_many(const Files& files, int count, int rules) {
  for (int i = 0; i < count; ++i) {
    std::string text =
        "[policy]\nname = \"p" + std::to_string(i) + "\"\n[select]\nnamespaces = [\"payments\"]\n";
    for (int rule = 0; rule < rules; ++rule) {
      text += "[[rule]]\non = \"exec\"\npaths = [\"/a/" + std::to_string(i * 1000 + rule) +
              "\"]\naction = \"deny\"\n";
    }
    files.write("policy.d/" + std::to_string(i) + ".toml", text);
  }
}

BOOST_AUTO_TEST_CASE(a_namespace_that_is_nearly_full_is_warned_of) {
  const Files files;
  write_many(files, 2, 220);
  Box box;
  const auto outcome = box.run({"policies", "check", files.path() + "/policy.d"});
  BOOST_TEST(outcome.code == kOk);
  BOOST_TEST(outcome.err.find("namespace payments up to 440 rules on exec") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(policies_that_overflow_together_are_warned_of) {
  const Files files;
  write_many(files, 3, 200);
  Box box;
  const auto outcome = box.run({"policies", "check", files.path() + "/policy.d"});
  BOOST_TEST(outcome.code == kOk);
  BOOST_TEST(outcome.err.find("all of these policies") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::ctl::test
