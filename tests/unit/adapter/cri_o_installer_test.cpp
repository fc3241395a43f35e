// usher.install/1 of cri-o.so, through the interface that usherctl uses, on a node under a prefix.
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "cri_o_node.hpp"
#include "install/program.hpp"

using namespace usher::test::cri_o;
using usher::read_file;
using usher::adapter::Config;

BOOST_FIXTURE_TEST_SUITE(hooks_installer, TestNode)

BOOST_AUTO_TEST_CASE(plan_shows_everything_and_changes_nothing) {
  const auto report = installer.plan(config);
  BOOST_TEST_REQUIRE(report.ok, report.error);
  BOOST_TEST_REQUIRE(report.steps.size() == 3U);
  BOOST_TEST((report.steps[0].kind == Kind::create));
  BOOST_TEST(report.steps[0].path == kHook);
  BOOST_TEST(report.steps[1].path == kGate);
  BOOST_TEST(report.steps[1].diff.find("+    \"path\": \"/opt/usher/bin/usher-hook-1.2.3\",") !=
             std::string::npos);
  BOOST_TEST(!has(kHook));
  BOOST_TEST(!has(kGate));
  BOOST_TEST(fs::is_empty(at(kDir)));
}

BOOST_AUTO_TEST_CASE(directories_that_install_makes_are_open_to_all_under_any_umask) {
  fs::remove_all(at(kDir));
  const mode_t before = ::umask(0077);  // as usherd's
  const auto report = installer.install(config);
  ::umask(before);
  BOOST_TEST_REQUIRE(report.ok, report.error);
  for (const auto& directory : {kDir, std::string("/opt/usher"), std::string("/opt/usher/bin")}) {
    struct stat info{};
    BOOST_TEST_REQUIRE(::stat(at(directory).c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 0777U) == 0755U, directory);
  }
}

BOOST_AUTO_TEST_CASE(install_writes_what_the_runtimes_accept) {
  config["timeout"] = std::int64_t{2500};
  config["fail"] = std::string("open");
  config["socket"] = std::string("/run/x.sock");
  config["exempt_namespaces"] = std::vector<std::string>{"kube-system", "infra-*"};
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  struct stat info{};
  BOOST_TEST(::stat(at(kHook).c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0755U);
  BOOST_TEST(::stat(at(kGate).c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0644U);
  const auto json = nlohmann::json::parse(read_file(at(kGate)).value());
  BOOST_TEST(json == nlohmann::json::parse(R"({
    "version": "1.0.0",
    "hook": {
      "path": "/opt/usher/bin/usher-hook-1.2.3",
      "args": ["usher-hook", "createRuntime", "--runtime", "cri-o", "--socket", "/run/x.sock",
               "--timeout", "2500", "--fail", "open", "--exempt-namespace", "kube-system",
               "--exempt-namespace", "infra-*"],
      "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
      "timeout": 8
    },
    "when": {"always": true},
    "stages": ["createRuntime"]})"));
  const auto end = nlohmann::json::parse(read_file(at(kEnd)).value());
  BOOST_TEST(end["stages"] == nlohmann::json::parse(R"(["poststop"])"));
  BOOST_TEST(end["hook"]["args"][1] == "poststop");
  // A hint: a container's end does not wait as long for the agent as its start does.
  BOOST_TEST(end["hook"]["args"][7] == "1000");
  BOOST_TEST(end["hook"]["timeout"] == 6);
}

BOOST_AUTO_TEST_CASE(installing_twice_changes_nothing_more) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto before = fs::last_write_time(at(kGate));
  const auto report = installer.install(config);
  BOOST_TEST(report.ok);
  for (const auto& step : report.steps) {
    BOOST_TEST((step.kind == Kind::keep), step.path << ": " << step.what);
  }
  BOOST_TEST((fs::last_write_time(at(kGate)) == before));
}

BOOST_AUTO_TEST_CASE(the_program_is_there_before_the_files) {
  config["hook_source"] = std::string("/nonexistent/usher-hook");
  const auto report = installer.install(config);
  BOOST_TEST(!report.ok);
  BOOST_TEST(report.error.find("hook_source") != std::string::npos);
  BOOST_TEST(!has(kGate));
}

BOOST_AUTO_TEST_CASE(uninstall_takes_the_files_first_and_can_be_repeated) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto report = installer.uninstall(config);
  BOOST_TEST(report.ok, report.error);
  BOOST_TEST_REQUIRE(report.steps.size() == 3U);
  BOOST_TEST(report.steps[0].path == kEnd);
  BOOST_TEST(report.steps[1].path == kGate);
  BOOST_TEST(report.steps[2].path == kHook);
  BOOST_TEST(!has(kGate));
  BOOST_TEST(!has(kEnd));
  BOOST_TEST(!has(kHook));
  const auto again = installer.uninstall(config);
  BOOST_TEST(again.ok, again.error);
  BOOST_TEST(again.steps.empty());
}

BOOST_AUTO_TEST_CASE(uninstall_keeps_to_a_directory_that_is_named) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  Config elsewhere = config;
  elsewhere["hooks_dir"] = std::string("/srv/hooks");
  BOOST_TEST_REQUIRE(installer.install(elsewhere).ok);
  BOOST_TEST_REQUIRE(installer.uninstall(elsewhere).ok);
  BOOST_TEST(!has("/srv/hooks/usher-cri-o-gate.json"));
  BOOST_TEST(has(kGate));
  BOOST_TEST(has(kHook));

  // Without a name: also from a directory that is chosen no more.
  root.write("etc/crio/crio.conf",
             "[crio.runtime]\nhooks_dir = [\"" + kDir + "\", \"/etc/later\"]\n");
  fs::create_directories(at("/etc/later"));
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(!has(kGate));
}

BOOST_AUTO_TEST_CASE(a_program_that_another_runtime_calls_stays) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  config["runtime"] = std::string("podman");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(has(kDir + "/usher-podman-gate.json"));
  config["runtime"] = std::string("cri-o");
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(has(kHook));
  BOOST_TEST(has(kDir + "/usher-podman-gate.json"));
  config["runtime"] = std::string("podman");
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(!has(kHook));
}

BOOST_AUTO_TEST_CASE(the_configured_directory_is_used_and_a_new_one_needs_a_restart) {
  root.write("etc/crio/crio.conf.d/10.conf", "[crio.runtime]\nhooks_dir = [\"/etc/h.d\"]\n");
  const auto report = installer.install(config);
  BOOST_TEST_REQUIRE(report.ok, report.error);
  BOOST_TEST(has("/etc/h.d/usher-cri-o-gate.json"));
  BOOST_TEST((report.steps.back().kind == Kind::manual));
  BOOST_TEST(report.steps.back().what.find("restart") != std::string::npos);
  BOOST_TEST(installer.verify(config).ok);
}

BOOST_AUTO_TEST_CASE(podman_in_the_same_directory_is_said) {
  root.write("usr/bin/podman", "");
  const auto report = installer.plan(config);
  BOOST_TEST((report.steps.back().kind == Kind::manual));
  BOOST_TEST(report.steps.back().what.find("podman reads this directory too") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(settings_are_checked) {
  const auto refuses = [&](const std::string& key, usher::adapter::ConfigValue value) {
    Config bad = config;
    bad[key] = std::move(value);
    const auto report = installer.plan(bad);
    BOOST_TEST(!report.ok, key);
    BOOST_TEST(report.error.find('"' + key + '"') != std::string::npos, report.error);
  };
  refuses("colour", std::string("red"));
  refuses("runtime", std::string("docker"));
  refuses("fail", std::string("maybe"));
  refuses("timeout", std::int64_t{0});
  refuses("timeout", std::int64_t{600000});
  refuses("timeout", std::string("5s"));
  refuses("socket", std::string("hook.sock"));
  refuses("hooks_dir", std::string("hooks.d"));
  refuses("hook_dir", std::string(""));
  refuses("install", std::string("yes"));
  refuses("exempt_namespaces", std::string("kube-system"));
}

BOOST_AUTO_TEST_CASE(a_new_version_comes_beside_the_old_and_the_files_move_to_it) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  write_hook("2.0.0");
  const auto moved = installer.install(config);
  BOOST_TEST_REQUIRE(moved.ok, moved.error);
  BOOST_TEST(has("/opt/usher/bin/usher-hook-2.0.0"));
  BOOST_TEST(names_program(kGate, "usher-hook-2.0.0"));
  BOOST_TEST(names_program(kEnd, "usher-hook-2.0.0"));
  // What the runtime has read already may still be called.
  BOOST_TEST(has(kHook));
  const auto after = installer.install(config);
  BOOST_TEST(after.ok, after.error);
  BOOST_TEST(!has(kHook));
  for (const auto& step : installer.install(config).steps) {
    BOOST_TEST((step.kind == Kind::keep), step.path << ": " << step.what);
  }
}

BOOST_AUTO_TEST_CASE(an_old_program_stays_while_anything_names_it) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  write_hook("2.0.0");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto kept_for = [&](const std::string& file) {
    root.write(file, R"({"hooks":{"poststop":[{"path":"\/opt\/usher\/bin\/usher-hook-1.2.3"}]}})");
    const auto report = installer.install(config);
    BOOST_TEST(report.ok, report.error);
    BOOST_TEST(has(kHook), file);
    BOOST_TEST(has_step(report, Kind::keep, kHook, "/" + file));
    fs::remove(at("/" + file));
  };
  kept_for("run/runc/c1/state.json");
  kept_for("run/containers/storage/overlay-containers/c1/userdata/config.json");
  kept_for("etc/containers/oci/hooks.d/of-podman.json");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(!has(kHook));
}

BOOST_AUTO_TEST_CASE(a_container_that_runs_keeps_its_program_when_the_hook_is_taken_away) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  root.write("run/crun/c1/config.json", "\"" + kHook + "\"");
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(!has(kGate));
  BOOST_TEST(has(kHook));
  fs::remove_all(at("/run/crun"));
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(!has(kHook));
}

BOOST_AUTO_TEST_CASE(files_are_written_again_when_their_program_was_missing) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  fs::remove(at(kHook));
  // The runtime may have read the files meanwhile and left them out: it looks again only where it
  // sees a change.
  const auto planned = installer.plan(config);
  BOOST_TEST(has_step(planned, Kind::create, kHook, ""));
  BOOST_TEST(has_step(planned, Kind::replace, kGate, "written again"));
  const auto done = installer.install(config);
  BOOST_TEST(has_step(done, Kind::replace, kGate, "written again"));
  BOOST_TEST(has_step(done, Kind::replace, kEnd, "written again"));
  BOOST_TEST(has_step(installer.install(config), Kind::keep, kGate, ""));

  // Put back by somebody else, or by an install that was killed before the files.
  const auto content = read_file(at(kHook)).value();
  fs::remove(at(kHook));
  wait_a_tick();
  root.write(kHook.substr(1), content);
  ::chmod(at(kHook).c_str(), 0755);
  BOOST_TEST(names(installer.verify(config).problems, kGate + " is older than its program"));
  BOOST_TEST(has_step(installer.install(config), Kind::replace, kGate, "written again"));
  BOOST_TEST(installer.verify(config).ok);
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_back_does_not_ask_for_an_install_for_ever) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto ahead = fs::file_time_type::clock::now() + std::chrono::hours(1);
  fs::last_write_time(at(kHook), ahead);
  BOOST_TEST(names(installer.verify(config).problems, kGate + " is older than its program"));
  BOOST_TEST(has_step(installer.install(config), Kind::replace, kGate, "written again"));
  const auto verified = installer.verify(config);
  BOOST_TEST(verified.ok, verified.error);
  BOOST_TEST(has_step(installer.install(config), Kind::keep, kGate, ""));
  BOOST_TEST((fs::last_write_time(at(kGate)) == ahead));
}

BOOST_AUTO_TEST_CASE(a_program_that_comes_back_is_younger_than_the_files_whatever_the_clock_says) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  const auto ahead = fs::file_time_type::clock::now() + std::chrono::hours(1);
  for (const auto& file : {kGate, kEnd}) {
    fs::last_write_time(at(file), ahead);
  }
  fs::remove(at(kHook));
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST((fs::last_write_time(at(kHook)) > ahead));
  BOOST_TEST(installer.verify(config).ok);
}

BOOST_AUTO_TEST_CASE(a_program_that_closes_its_output_and_goes_on_is_ended_at_the_deadline) {
  write_hook_script("#!/bin/sh\necho usher-hook 1.2.3\nexec >&-\nexec sleep 1000\n");
  const auto before = std::chrono::steady_clock::now();
  const auto version =
      usher::install::version_of(built.path() / "usher-hook", std::chrono::milliseconds(300));
  BOOST_TEST((std::chrono::steady_clock::now() - before < std::chrono::seconds(30)));
  BOOST_TEST_REQUIRE(!version.has_value());
  BOOST_TEST(version.error().message.find("it does not end") != std::string::npos,
             version.error().message);
  BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) == -1);  // nothing is left of it
}

BOOST_AUTO_TEST_CASE(a_directory_under_the_name_of_a_file_of_ours_is_told_what_to_do_about) {
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  fs::remove(at(kEnd));
  fs::create_directories(at(kEnd));
  for (const auto& report : {installer.install(config), installer.uninstall(config)}) {
    BOOST_TEST(!report.ok);
    BOOST_TEST(report.error.find(kEnd) != std::string::npos, report.error);
    BOOST_TEST(report.error.find("move it away and try again") != std::string::npos, report.error);
  }
  fs::remove(at(kEnd));
  BOOST_TEST(installer.uninstall(config).ok);
}

BOOST_AUTO_TEST_CASE(a_program_that_does_not_run_here_is_not_installed) {
  const auto refuses = [&](const std::string& script, const std::string& why) {
    write_hook_script(script);
    const auto report = installer.install(config);
    BOOST_TEST(!report.ok, script);
    BOOST_TEST(report.error.find(why) != std::string::npos, report.error);
    BOOST_TEST(!has(kGate));
  };
  refuses("no program at all", "cannot be run");
  refuses("#!/bin/sh\necho something else\n", "no usher-hook says");
  refuses("#!/bin/sh\necho usher-hook ../../../etc/passwd\n", "no usher-hook says");
  refuses("#!/bin/sh\necho usher-hook 1.2.3; exit 3\n", "it fails");
}

BOOST_AUTO_TEST_CASE(what_a_killed_install_left_is_swept_up) {
  root.write(kDir.substr(1) + "/.usher-cri-o-gate.json.4711", "{");
  root.write("opt/usher/bin/.usher-hook-1.2.3.4711", "half");
  root.write(kDir.substr(1) + "/.usher-cri-o-gate.json.swp", "an editor's");
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(!has(kDir + "/.usher-cri-o-gate.json.4711"));
  BOOST_TEST(!has("/opt/usher/bin/.usher-hook-1.2.3.4711"));
  BOOST_TEST(has(kDir + "/.usher-cri-o-gate.json.swp"));
}

BOOST_AUTO_TEST_CASE(links_of_a_node_under_a_prefix_do_not_lead_out_of_it) {
  fs::remove_all(at("/usr"));
  fs::create_directories(at("/etc/hooks"));
  fs::create_directories(at("/usr/share/containers/oci"));
  fs::create_symlink("/etc/hooks", at(kDir));
  fs::create_symlink("var/opt", at("/opt"));
  BOOST_TEST_REQUIRE(installer.install(config).ok);
  BOOST_TEST(has("/etc/hooks/usher-cri-o-gate.json"));
  BOOST_TEST(has("/var/opt/usher/bin/usher-hook-1.2.3"));
  const auto verified = installer.verify(config);
  BOOST_TEST(verified.ok, verified.error);
  BOOST_TEST_REQUIRE(installer.uninstall(config).ok);
  BOOST_TEST(!has("/etc/hooks/usher-cri-o-gate.json"));
  BOOST_TEST(!has("/var/opt/usher/bin/usher-hook-1.2.3"));
}

BOOST_AUTO_TEST_SUITE_END()
