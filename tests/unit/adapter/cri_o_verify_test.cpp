// usher.install/1's verify of cri-o.so: what is not as install leaves it, and what others put
// beside.
#include <boost/test/unit_test.hpp>

#include "cri_o_node.hpp"

using namespace usher::test::cri_o;

BOOST_FIXTURE_TEST_SUITE(hooks_verify, TestNode)

BOOST_AUTO_TEST_CASE(verify_holds_after_install_only) {
  BOOST_TEST(names(installer.verify(config).problems, kHook + " is missing"));
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto good = installer.verify(config);
  BOOST_TEST(good.ok, good.error);
  BOOST_TEST(good.problems.empty());

  ::chmod(at(kHook).c_str(), 0644);
  BOOST_TEST(names(installer.verify(config).problems, "not an executable file"));
  ::chmod(at(kHook).c_str(), 0777);
  BOOST_TEST(names(installer.verify(config).problems, "can be written by others"));
  ::chmod(at(kHook).c_str(), 0755);
  fs::remove(at(kEnd));
  BOOST_TEST(names(installer.verify(config).problems, kEnd + " is missing"));
  root.write(kGate.substr(1), "{}");
  const auto changed = installer.verify(config);
  BOOST_TEST(!changed.ok);
  BOOST_TEST(names(changed.problems, kGate + " is not as these settings make it"));
}

BOOST_AUTO_TEST_CASE(a_directory_that_the_runtime_does_not_read_is_a_problem) {
  config["hooks_dir"] = std::string("/srv/hooks");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(names(installer.verify(config).problems, "not among the hooks directories"));
}

BOOST_AUTO_TEST_CASE(a_later_file_of_our_name_is_a_problem) {
  root.write("etc/crio/crio.conf",
             "[crio.runtime]\nhooks_dir = [\"" + kDir + "\", \"/etc/later\"]\n");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(installer.verify(config).ok);
  config["hooks_dir"] = kDir;
  root.write("etc/later/usher-cri-o-gate.json", "{}");
  BOOST_TEST(names(installer.verify(config).problems, "takes the place of"));
}

BOOST_AUTO_TEST_CASE(a_program_of_the_same_version_that_differs_is_a_problem) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  write_hook_script("#!/bin/sh\n# another build\necho usher-hook 1.2.3\n");
  BOOST_TEST(names(installer.verify(config).problems, "is not the same as"));
  BOOST_TEST(has_step(installer.install(config), Kind::replace, kHook, ""));
  BOOST_TEST(installer.verify(config).ok);
}

BOOST_AUTO_TEST_CASE(a_newer_program_at_the_source_is_a_problem_until_it_is_installed) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  write_hook("2.0.0");
  const auto report = installer.verify(config);
  BOOST_TEST(!report.ok);
  BOOST_TEST(names(report.problems, "usher-hook-2.0.0 is missing"));
  BOOST_TEST(has_step(report, Kind::keep, kHook, "another version"));
}

BOOST_AUTO_TEST_CASE(files_that_keep_the_runtime_from_starting_are_problems) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto blames = [&](const std::string& content, const std::string& why) {
    root.write(kDir.substr(1) + "/other.json", content);
    const auto report = installer.verify(config);
    BOOST_TEST(names(report.problems, kDir + "/other.json keeps cri-o from starting"), content);
    BOOST_TEST(names(report.problems, why), content);
  };
  blames("{", "not JSON");
  blames(R"({"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"always":"true"},"stages":[]})",
         "when.always must be true or false");
  blames(R"({"version":"2.0.0"})", "none that the runtimes know");
  fs::remove(at(kDir + "/other.json"));
  fs::create_directories(at(kDir + "/other.json"));
  BOOST_TEST(names(installer.verify(config).problems, "/other.json keeps cri-o from starting"));
  fs::remove(at(kDir + "/other.json"));
  root.write(kDir.substr(1) + "/README", "{");
  BOOST_TEST(installer.verify(config).ok);
}

BOOST_AUTO_TEST_CASE(other_hooks_are_told_with_their_order_and_what_takes_no_part) {
  root.write("etc/crio/crio.conf",
             "[crio.runtime]\nhooks_dir = [\"/etc/first\", \"" + kDir + "\"]\n");
  const auto hook = [](const std::string& program, const std::string& stage) {
    return R"({"version":"1.0.0","hook":{"path":")" + program +
           R"(","timeout":3},"when":{"always":true},"stages":[")" + stage + R"("]})";
  };
  root.write("bin/nvidia", "");
  root.write("etc/first/B-nvidia.json", hook("/bin/nvidia", "createRuntime"));
  root.write("etc/first/a-gone.json", hook("/bin/gone", "createRuntime"));
  root.write("etc/first/twice.json", hook("/bin/nvidia", "createRuntime"));
  root.write(kDir.substr(1) + "/twice.json", hook("/bin/nvidia", "poststop"));
  root.write(kDir.substr(1) + "/zz.json", hook("/bin/nvidia", "createRuntime"));
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto report = installer.verify(config);
  BOOST_TEST(report.ok, report.error);
  const auto told = [&](const std::string& path, const std::string& what) {
    BOOST_TEST(has_step(report, Kind::keep, path, what), path << ": " << what);
  };
  told("/etc/first/B-nvidia.json", "another hook: createRuntime");
  told("/etc/first/a-gone.json", "left out silently, for its program /bin/gone is not there");
  told("/etc/first/twice.json", kDir + "/twice.json takes its place");
  told(kDir, "in their order: B-nvidia.json, usher-cri-o-gate.json, zz.json");
}

BOOST_AUTO_TEST_SUITE_END()
