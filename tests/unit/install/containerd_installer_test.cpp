// usher.install/1 of containerd on a node under a prefix.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "containerd_node.hpp"

using namespace usher::test::containerd;

BOOST_FIXTURE_TEST_SUITE(containerd_installer, TestNode)

BOOST_AUTO_TEST_CASE(plan_shows_everything_in_its_order_and_changes_nothing) {
  const auto before = everything();
  const auto told = plan();
  BOOST_TEST_REQUIRE(told.error == "");
  BOOST_TEST_REQUIRE(told.steps.size() >= 4U);
  BOOST_TEST(told.steps[0].path == kHook);
  BOOST_TEST(told.steps[1].path == kSpec);
  BOOST_TEST(told.steps[2].path == kBackup);
  BOOST_TEST(told.steps[3].path == kConfig);
  BOOST_TEST(told.steps[3].kind == USHER_STEP_REPLACE);
  BOOST_TEST(told.steps[3].diff.find("+  base_runtime_spec = \"" + kSpec + "\"") !=
             std::string::npos);
  BOOST_TEST(everything() == before);
  BOOST_TEST(!has("/opt"));
}

BOOST_AUTO_TEST_CASE(what_is_installed_is_taken_away_to_the_byte) {
  const auto before = everything();
  ::chmod(at(kConfig).c_str(), 0600);
  installed();
  struct stat info{};
  BOOST_TEST(::stat(at(kConfig).c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0600U);
  const auto spec = nlohmann::json::parse(read(kSpec));
  BOOST_TEST(!spec["process"].contains("rlimits"));
  BOOST_TEST(spec["hooks"]["createRuntime"][0]["path"] == kHook);
  BOOST_TEST(read(kBackup).starts_with("version = 3\n# mine\n"));
  uninstalled();
  BOOST_TEST(everything() == before);
}

BOOST_AUTO_TEST_CASE(repeating_it_changes_nothing_more) {
  installed();
  const auto before = everything();
  const auto again = install();
  BOOST_TEST(again.error == "");
  BOOST_TEST(again.changes() == 0U);
  BOOST_TEST(everything() == before);
  BOOST_TEST(only_unseen(verify()));
  BOOST_TEST_REQUIRE(uninstall().error == "");
  BOOST_TEST(uninstall().changes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_not_there_is_made_and_removed) {
  fs::remove(at(kConfig));
  installed();
  BOOST_TEST(read(kConfig).starts_with("version = 3 # usher:"));
  BOOST_TEST(only_unseen(verify()));
  BOOST_TEST(uninstall().error == "");
  BOOST_TEST(!has(kConfig));
  put(kConfig, "");  // an empty one stays an empty one
  installed();
  BOOST_TEST(uninstall().error == "");
  BOOST_TEST(read(kConfig) == "");
}

BOOST_AUTO_TEST_CASE(a_base_spec_that_is_configured_is_extended_and_left_as_it_is) {
  put(kConfig, read(kConfig) + "  base_runtime_spec = \"/etc/site.json\" # ours\n");
  const std::string site =
      R"({"process": {"rlimits": [2]}, "hooks": {"createRuntime": [{"path": "/site"}]}})";
  put("/etc/site.json", site);
  const auto before = everything();
  installed();
  const auto spec = nlohmann::json::parse(read(kSpec));
  BOOST_TEST(spec["process"]["rlimits"][0] == 2);
  BOOST_TEST(spec["hooks"]["createRuntime"][0]["path"] == "/site");
  BOOST_TEST(spec["hooks"]["createRuntime"][1]["path"] == kHook);
  BOOST_TEST(read("/etc/site.json") == site);
  BOOST_TEST(install().changes() == 0U);
  uninstalled();
  BOOST_TEST(everything() == before);
  fs::remove(at("/etc/site.json"));
  BOOST_TEST(install().error.find("/etc/site.json, which is not there") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(kata_gets_no_hook_and_named_runtimes_alone_do) {
  put(kConfig, read(kConfig) + runc("other") +
                   "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.vm]\n"
                   "runtime_type = \"io.containerd.kata.v2\"\n");
  options.runtimes = {"other"};
  const auto told = install();
  BOOST_TEST(told.error == "");
  BOOST_TEST(has("/etc/usher/containerd/base-other.json"));
  BOOST_TEST(!has(kSpec));
  BOOST_TEST(!has("/etc/usher/containerd/base-vm.json"));
  BOOST_TEST(told.has_step(USHER_STEP_KEEP, kConfig, "runc is not among those that were named"));
  BOOST_TEST(told.has_step(USHER_STEP_KEEP, kConfig, "vm is Kata"));
  options.runtimes = {"vm"};
  BOOST_TEST(install().error.find("\"vm\" is Kata") != std::string::npos);
  options.runtimes = {"none"};
  BOOST_TEST(install().error.find("no runtime \"none\"; it has: other, runc, vm") !=
             std::string::npos);
  options.runtimes = {};
  installed();
  BOOST_TEST(has(kSpec));
  // What is Kata can be said.
  options.kata_handlers = {"oth*"};
  installed();
  BOOST_TEST(!has("/etc/usher/containerd/base-other.json"));
}

BOOST_AUTO_TEST_CASE(what_containerd_does_not_take_is_not_left_there) {
  const auto before = read(kConfig);
  version("2.1.0", "echo 'containerd: cannot have it' >&2; exit 1");
  BOOST_TEST(install().error.find("does not take the edited " + kConfig) != std::string::npos);
  BOOST_TEST(install().error.find("cannot have it") != std::string::npos);
  BOOST_TEST(read(kConfig) == before);
  // One that reads it so that the hook would not be called.
  version("2.1.0", "echo 'version = 3'");
  BOOST_TEST(install().error.find("in another way") != std::string::npos);
  BOOST_TEST(read(kConfig) == before);
  // One that changes its mind when the file is in place.
  version("2.1.0", "case $2 in *.check.1) ;; *) exit 1;; esac\n" + std::string(kDump));
  BOOST_TEST(install().error.find("put back") != std::string::npos);
  BOOST_TEST(read(kConfig) == before);
  for (const auto& entry : fs::directory_iterator(at("/etc/containerd"))) {
    BOOST_TEST(entry.path().filename() == "config.toml");
  }
}

BOOST_AUTO_TEST_CASE(a_configuration_that_was_broken_by_hand_is_told_with_what_to_do) {
  const auto whole = read(kConfig);
  put(kConfig, whole + "[plugins\n");
  auto error = install().error;
  BOOST_TEST(error.find(kConfig + ":5:") != std::string::npos);
  BOOST_TEST(error.find("mend that line before its next restart") != std::string::npos);
  BOOST_TEST(error.find("put back") == std::string::npos);  // there is no backup
  put(kConfig, whole);
  installed();
  put(kConfig, read(kConfig) + "[plugins\n");
  const auto broken = read(kConfig);
  error = install().error;
  BOOST_TEST(error.find("put back the file as it was before Usher's lines, from "
                        "/etc/usher/containerd/backup") != std::string::npos);
  BOOST_TEST(uninstall().error.find("mend that line") != std::string::npos);
  BOOST_TEST(read(kConfig) == broken);
  // The one that runs is asked all the same.
  const auto told = verify();
  BOOST_TEST(told.error == "");
  BOOST_TEST(told.has_problem("mend that line"));
  BOOST_TEST(told.has_problem("no containerd says with what it begins containers"));
}

BOOST_AUTO_TEST_CASE(what_somebody_else_writes_meanwhile_is_not_lost) {
  const auto before = read(kConfig);
  version("2.1.0", "case $2 in *.check.1) echo '# theirs' >>" + at(kConfig).string() + ";; esac\n" +
                       std::string(kDump));
  BOOST_TEST(install().error.find(kConfig + " was changed by somebody else") != std::string::npos);
  BOOST_TEST(read(kConfig) == before + "# theirs\n");
  version("2.1.0");
  installed();
  uninstalled();
  BOOST_TEST(read(kConfig) == before + "# theirs\n");
}

BOOST_AUTO_TEST_CASE(a_link_is_not_replaced) {
  fs::rename(at(kConfig), at("/etc/containerd/real.toml"));
  fs::create_symlink("real.toml", at(kConfig));
  BOOST_TEST(install().error.find("is a link") != std::string::npos);
  BOOST_TEST(fs::is_symlink(at(kConfig)));
  BOOST_TEST(!has(kHook));
}

BOOST_AUTO_TEST_CASE(another_mode_takes_the_specs_away) {
  installed();
  options.mode = Mode::nri;
  const auto told = install();
  BOOST_TEST(told.error == "");
  BOOST_TEST(!has(kSpec));
  BOOST_TEST(read(kConfig).find("usher") == std::string::npos);  // NRI is on by default here
  BOOST_TEST(only_unseen(verify()));
  version("1.6.20");
  put(kConfig, "version = 2\n");
  BOOST_TEST(install().error.find("has no NRI") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nri_is_turned_on_where_it_is_off) {
  put(kConfig,
      read(kConfig) + "[plugins.'io.containerd.nri.v1.nri']\n  disable = true # for now\n");
  const auto before = everything();
  installed();
  BOOST_TEST(
      read(kConfig).find("# usher-was:  disable = true # for now\n  disable = false # usher") !=
      std::string::npos);
  uninstalled();
  BOOST_TEST(everything() == before);
}

BOOST_AUTO_TEST_CASE(a_persons_later_edit_stays_and_so_does_the_backup) {
  installed();
  put(kConfig, read(kConfig) + "oom = 1 # later\n");
  const auto told = uninstall();
  BOOST_TEST(told.error == "");
  BOOST_TEST(read(kConfig).ends_with("oom = 1 # later\n"));
  BOOST_TEST(read(kConfig).find("usher") == std::string::npos);
  BOOST_TEST(has(kBackup));
  BOOST_TEST(told.has_step(USHER_STEP_KEEP, kBackup, "was changed since by others"));
}

BOOST_AUTO_TEST_CASE(a_new_hook_moves_the_spec_and_the_old_one_goes_with_the_next_run) {
  installed();
  options.hook_source = script("usher-hook", "echo usher-hook 2.0.0");
  installed();
  BOOST_TEST(read(kSpec).find("/opt/usher/bin/usher-hook-2.0.0\"") != std::string::npos);
  BOOST_TEST(has(kHook));
  installed();
  BOOST_TEST(has(kHook));  // no containerd is seen: one that runs may call the old one
  if (!can_run_containerd()) {
    return;
  }
  const RunningContainerd restarted(root.path());
  BOOST_TEST(install().has_step(USHER_STEP_REMOVE, kHook));
  BOOST_TEST(!has(kHook));
}

BOOST_AUTO_TEST_CASE(verify_names_what_is_wrong) {
  BOOST_TEST(verify().has_problem(kHook + " is missing"));
  BOOST_TEST(verify().has_problem(kSpec + " is missing"));
  BOOST_TEST(verify().has_problem(kConfig + " is not as these settings make it"));
  BOOST_TEST(verify().has_problem("base_runtime_spec of the runtime runc is not set"));
  installed();
  BOOST_TEST(only_unseen(verify()));
  auto spec = read(kSpec);
  put(kSpec, spec.replace(spec.find("\"root\""), 6, "\"toor\""));
  BOOST_TEST(verify().has_problem(kSpec + " is not as these settings make it"));
  installed();
  auto text = read(kConfig);
  text.replace(text.find(kSpec), kSpec.size(), "/etc/other.json");
  put(kConfig, text);
  put("/etc/other.json", "{}");
  BOOST_TEST(verify().has_problem("that was changed since"));
  BOOST_TEST(verify().has_problem(kConfig + " is not as these settings make it"));
  ::chmod(at(kConfig).c_str(), 0666);
  BOOST_TEST(verify().has_problem("can be written by others than root"));
}

// Below another root the node's own programs are run there.
BOOST_AUTO_TEST_CASE(the_nodes_own_programs_see_the_nodes_paths) {
  if (::geteuid() != 0 || !fs::exists("/bin/busybox")) {
    BOOST_TEST_MESSAGE("SKIPPED: chroot needs root, and a static /bin/busybox");
    return;
  }
  fs::create_directories(at("/bin"));
  fs::copy_file("/bin/busybox", at("/bin/busybox"));
  for (const char* applet : {"sh", "sed", "echo", "grep", "printf"}) {
    fs::create_symlink("busybox", at(std::string("/bin/") + applet));
  }
  fs::create_directories(at("/usr/bin"));
  for (const auto& [name, path] :
       {std::pair("containerd", &options.containerd), {"ctr", &options.ctr}}) {
    fs::copy_file(*path, at(std::string("/usr/bin/") + name));
    path->clear();
  }
  installed();
  BOOST_TEST(has(kSpec));
  BOOST_TEST(only_unseen(verify()));
}

BOOST_AUTO_TEST_CASE(without_containerd_it_says_so_and_can_still_be_taken_away) {
  installed();
  options.containerd = "/nonexistent/containerd";
  BOOST_TEST(install().error.find("/nonexistent/containerd --version") != std::string::npos);
  BOOST_TEST(uninstall().error == "");
  BOOST_TEST(read(kConfig).find("usher") == std::string::npos);
  options.containerd = "";
  BOOST_TEST(install().error.find("the setting containerd names it") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
