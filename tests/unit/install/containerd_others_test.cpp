// What containerd's installer leaves alone or speaks of, because others have a say in it: a
// person's base specs, a second containerd, one that runs and is not seen.
#include "containerd_node.hpp"

using namespace usher::test::containerd;

BOOST_FIXTURE_TEST_SUITE(containerd_others, TestNode)

BOOST_AUTO_TEST_CASE(a_persons_base_spec_with_the_name_of_ours_is_neither_written_nor_removed) {
  put(kSpec, "{\"mine\": 1}");
  auto before = everything();
  BOOST_TEST(install().error.find(kSpec + " is not Usher's") != std::string::npos);
  BOOST_TEST(verify().error.find(kSpec + " is not Usher's") != std::string::npos);
  BOOST_TEST(uninstall().error == "");
  BOOST_TEST(everything() == before);
  fs::remove(at(kSpec));
  installed();
  put("/etc/usher/containerd/base-site.json", "{}");
  BOOST_TEST(install().error.find("base-site.json is not Usher's") != std::string::npos);
  BOOST_TEST(uninstall().error == "");
  BOOST_TEST(!has(kSpec));
  BOOST_TEST(has("/etc/usher/containerd/base-site.json"));
}

BOOST_AUTO_TEST_CASE(a_base_spec_of_ours_that_was_garbled_is_mended_or_removed) {
  installed();
  const auto whole = read(kSpec);
  for (const std::string garbled : {"", "{\"hooks\": ", "[]"}) {
    put(kSpec, garbled);
    BOOST_TEST(verify().has_problem(kSpec + " is not as these settings make it"));
    installed();
    BOOST_TEST(read(kSpec) == whole);
  }
  put(kSpec, "{");
  BOOST_TEST(uninstall().error == "");
  BOOST_TEST(!has(kSpec));
}

BOOST_AUTO_TEST_CASE(base_specs_do_not_lie_among_other_files) {
  options.spec_dir = "/etc/containerd";
  const auto before = everything();
  BOOST_TEST(install().error.find("setting spec_dir") != std::string::npos);
  BOOST_TEST(everything() == before);
}

BOOST_AUTO_TEST_CASE(a_base_spec_that_a_persons_line_names_stays) {
  installed();
  put(kConfig, read(kConfig) + runc("other") + "  base_runtime_spec = \"" + kSpec + "\"\n");
  const auto told = uninstall();
  BOOST_TEST(told.error == "");
  BOOST_TEST(has(kSpec));
  BOOST_TEST(told.has_step(USHER_STEP_MANUAL, kSpec, kConfig + " names it"));
}

BOOST_AUTO_TEST_CASE(two_containerds_do_not_share_a_directory_of_base_specs) {
  installed();
  put("/etc/second.toml", read(kBackup));
  options.config = "/etc/second.toml";
  const auto before = everything();
  BOOST_TEST(install().error.find("another containerd (/etc/containerd/config.toml") !=
             std::string::npos);
  BOOST_TEST(uninstall().error.find("another containerd") != std::string::npos);
  BOOST_TEST(everything() == before);
  options.spec_dir = "/etc/usher/second";
  installed();
}

BOOST_AUTO_TEST_CASE(the_program_stays_where_the_containerd_that_may_call_it_is_not_seen) {
  installed();
  const auto told = uninstall();
  BOOST_TEST(told.error == "");
  BOOST_TEST(!has(kSpec));
  BOOST_TEST(has(kHook));
  BOOST_TEST(told.has_step(USHER_STEP_MANUAL, "/opt/usher/bin", "no containerd that reads"));
}

BOOST_AUTO_TEST_CASE(the_program_stays_while_the_agent_gives_it_to_new_containers) {
  options.mode = Mode::inject;
  installed();
  BOOST_TEST_REQUIRE(has(kHook));
  if (!can_run_containerd()) {
    return;
  }
  const RunningContainerd running(root.path());
  const auto told = uninstall();
  BOOST_TEST(told.error == "");
  BOOST_TEST(has(kHook));
  BOOST_TEST(told.has_step(USHER_STEP_MANUAL, "/opt/usher/bin", "set another mode"));
  options.mode = Mode::closed;
  BOOST_TEST(uninstall().has_step(USHER_STEP_REMOVE, kHook));
}

BOOST_AUTO_TEST_CASE(verify_is_not_content_where_no_containerd_is_seen) {
  installed();
  const auto told = verify();
  BOOST_TEST_REQUIRE(told.problems.size() == 1U);
  BOOST_TEST(told.has_problem("no containerd that reads " + kConfig));
}

BOOST_AUTO_TEST_CASE(verify_names_a_containerd_that_runs_with_another_configuration) {
  installed();
  if (!can_run_containerd() || !fs::exists("/bin/busybox")) {
    return;
  }
  const RunningContainerd other(root.path(), "/opt/k/containerd", "/var/lib/k/config.toml");
  BOOST_TEST(verify().has_problem("containerd (pid " + std::to_string(other.pid()) +
                                  ") runs with /var/lib/k/config.toml, not with " + kConfig));
}

// Another one, earlier in the list of usual places, may read the configuration in another way.
BOOST_AUTO_TEST_CASE(the_containerd_that_runs_is_the_one_that_is_asked) {
  if (!can_run_containerd() || !fs::exists("/bin/busybox")) {
    return;
  }
  options.containerd = "";
  fs::create_directories(at("/usr/local/bin"));
  fs::copy_file("/bin/busybox", at("/usr/local/bin/containerd"));
  BOOST_TEST(install().error.find("/usr/local/bin/containerd --version") != std::string::npos);
  const RunningContainerd running(root.path(), "/opt/k/containerd", kConfig);
  BOOST_TEST(install().error.find("/opt/k/containerd --version") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
