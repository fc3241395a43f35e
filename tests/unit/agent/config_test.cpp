#include "agent/config.hpp"

#include <boost/test/unit_test.hpp>

#include "base/file.hpp"
#include "doubles.hpp"

namespace usher::agent {

namespace {

std::string only_error(std::string_view text) {
  const auto result = parse_config(text, "usher.toml");
  BOOST_REQUIRE_EQUAL(result.errors.size(), 1U);
  return result.errors.front();
}

void expect_error(std::string_view text, std::string_view place, std::string_view part) {
  const auto error = only_error(text);
  BOOST_TEST(error.starts_with(place), error << " does not start with " << place);
  BOOST_TEST(error.find(part) != error.npos, error << " does not say " << part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(the_shipped_file_is_good_and_says_the_defaults) {
  const auto text = read_file(TEST_SOURCE_DIR "/../config/usher.toml");
  BOOST_REQUIRE(text.has_value());
  const auto [shipped, errors] = parse_config(*text, "usher.toml");
  BOOST_TEST(errors.empty());
  const auto defaults = parse_config("", "usher.toml").config;
  BOOST_TEST(shipped.run_dir == defaults.run_dir);
  BOOST_TEST(shipped.state_dir == defaults.state_dir);
  BOOST_TEST(shipped.hook_socket == defaults.hook_socket);
  BOOST_TEST(shipped.admin_socket == defaults.admin_socket);
  BOOST_TEST(shipped.backend == defaults.backend);
  BOOST_TEST(shipped.pins == defaults.pins);
  BOOST_TEST(shipped.event_burst == defaults.event_burst);
  BOOST_TEST(shipped.event_window.count() == defaults.event_window.count());
  BOOST_TEST(shipped.policy_directory == defaults.policy_directory);
  BOOST_TEST(shipped.allow_empty == defaults.allow_empty);
  BOOST_TEST(shipped.adapters_automatic == defaults.adapters_automatic);
  BOOST_TEST(shipped.adapter_directory == defaults.adapter_directory);
  BOOST_TEST(shipped.tetragon_socket == defaults.tetragon_socket);
  BOOST_TEST(shipped.hook_deadline.count() == defaults.hook_deadline.count());
}

BOOST_AUTO_TEST_CASE(a_guest_keeps_everything_below_its_run_dir_and_names_its_relay) {
  const auto [config, errors] =
      parse_guest_config("[agent]\nrun_dir = \"/run/u\"\n[guest]\nrelay = \"vsock:4052\"", "g");
  BOOST_TEST(errors.empty());
  BOOST_TEST(config.state_dir == "/run/u/state");
  BOOST_TEST(config.hook_socket == "/run/u/hook.sock");
  BOOST_TEST(config.guest_relay == "vsock:4052");
  BOOST_TEST(config.allow_empty);
  BOOST_TEST(config.hook_deadline.count() < 1500);
  BOOST_TEST(parse_config("", "f").config.guest_relay.empty());
}

BOOST_AUTO_TEST_CASE(the_file_for_guests_is_good_and_says_the_defaults) {
  const auto text = read_file(TEST_SOURCE_DIR "/../config/guest.toml");
  BOOST_REQUIRE(text.has_value());
  const auto [shipped, errors] = parse_guest_config(*text, "guest.toml");
  BOOST_TEST(errors.empty());
  const auto defaults = parse_guest_config("", "guest.toml").config;
  BOOST_TEST(defaults.guest_relay.empty());
  BOOST_TEST(shipped.run_dir == defaults.run_dir);
  BOOST_TEST(shipped.state_dir == defaults.state_dir);
  BOOST_TEST(shipped.backend == defaults.backend);
  BOOST_TEST(shipped.pins == defaults.pins);
  BOOST_TEST(shipped.hook_deadline.count() == defaults.hook_deadline.count());
}

BOOST_AUTO_TEST_CASE(a_guest_has_neither_adapters_nor_a_policy_directory) {
  for (const std::string section : {"policies", "adapters", "compat"}) {
    BOOST_TEST(parse_guest_config("[" + section + "]", "g").errors.size() == 1U, section);
  }
  BOOST_TEST(parse_config("[guest]", "f").errors.size() == 1U);
  const auto bad = parse_guest_config("[guest]\nrelay = \"tcp:1\"", "g").errors;
  BOOST_REQUIRE(bad.size() == 1U);
  BOOST_TEST(bad[0].starts_with("g:2:"));
  BOOST_TEST(bad[0].find("expected vsock:PORT or unix:/PATH") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(sockets_follow_run_dir_unless_given) {
  const auto config =
      parse_config("[agent]\nrun_dir = \"/tmp/u\"\nadmin_socket = \"/a.sock\"", "f");
  BOOST_TEST(config.config.hook_socket == "/tmp/u/hook.sock");
  BOOST_TEST(config.config.admin_socket == "/a.sock");
}

BOOST_AUTO_TEST_CASE(the_socket_for_foreign_hooks_is_off_unless_it_is_given) {
  BOOST_TEST(parse_config("", "f").config.tetragon_socket.empty());
  const auto given =
      parse_config("[compat.tetragon]\nsocket = \"/t.sock\"\nruntime = \"cri-o\"", "f");
  BOOST_TEST(given.errors.empty());
  BOOST_TEST(given.config.tetragon_socket == "/t.sock");
  BOOST_TEST(given.config.tetragon_runtime == "cri-o");
}

BOOST_AUTO_TEST_CASE(a_socket_for_foreign_hooks_must_be_one_of_its_own) {
  expect_error("[compat.tetragon]\nsocket = \"/run/usher/hook.sock\"",
               "usher.toml:2:", "another socket of the agent");
  expect_error("[compat.tetragon]\nruntime = \"cri-o\"", "usher.toml:2:", "without socket");
  expect_error("[compat]\ntetragon = true", "usher.toml:2:", "expected a table");
  expect_error("[compat.tetragon]\nsockt = \"/t\"", "usher.toml:2:", "\"socket\"");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_an_error_with_the_nearest_name) {
  expect_error("[enforcement]\nbackend = \"lsm\"\nevnt_burst = 3",
               "usher.toml:3:1:", "did you mean \"event_burst\"?");
  expect_error("[polices]\n", "usher.toml:1:", "did you mean \"policies\"?");
}

BOOST_AUTO_TEST_CASE(a_wrong_type_is_an_error_that_says_both_types) {
  expect_error("[policies]\nallow_empty = \"yes\"",
               "usher.toml:2:15:", "expected true or false, found a string");
  expect_error("agent = 3", "usher.toml:1:9:", "expected a table, found an integer");
  expect_error("[adapters]\nselect = [1]", "usher.toml:2:10:", "array of adapter names");
  expect_error("[adapters]\nselect = []", "usher.toml:2:10:", "names no adapter");
}

BOOST_AUTO_TEST_CASE(a_bad_value_is_an_error_that_says_what_was_expected) {
  expect_error("[enforcement]\nbackend = \"ebpf\"", "usher.toml:2:11:", "\"tracepoint\"");
  expect_error("[enforcement]\nevent_burst = 0", "usher.toml:2:15:", "expected 1 to 1000000");
  expect_error("[agent]\nrun_dir = \"run\"", "usher.toml:2:11:", "absolute path");
  expect_error("[hook]\ndeadline = \"2\"", "usher.toml:2:12:", "such as \"500ms\"");
  expect_error("[hook]\ndeadline = \"1h\"", "usher.toml:2:12:", "such as \"500ms\"");
}

BOOST_AUTO_TEST_CASE(the_answer_for_unenrolled_pods_and_whom_it_is_about_are_read) {
  const auto given = parse_config(
      "[enforcement]\nunenrolled = \"deny\"\npause_programs = [\"/opt/pause\"]\n"
      "pod_cgroups = [\"pods.slice\"]",
      "f");
  BOOST_REQUIRE(given.errors.empty());
  BOOST_TEST(given.config.unenrolled == "deny");
  BOOST_TEST(given.config.pause_programs == std::vector<std::string>{"/opt/pause"});
  BOOST_TEST(given.config.pod_cgroups == std::vector<std::string>{"pods.slice"});
  BOOST_TEST(parse_config("", "f").config.unenrolled == "allow");
}

BOOST_AUTO_TEST_CASE(pause_programs_are_plain_paths_and_pod_cgroups_plain_names) {
  expect_error("[enforcement]\nunenrolled = \"refuse\"", "usher.toml:2:14:", "\"audit\"");
  for (const char* path : {"pause", "/", "/a/../pause", "/pause/", "//pause"}) {
    expect_error("[enforcement]\npause_programs = [\"" + std::string(path) + "\"]",
                 "usher.toml:2:18:", "absolute paths");
  }
  expect_error("[enforcement]\npod_cgroups = [\"a/b\"]", "usher.toml:2:15:", "without a slash");
  expect_error("[enforcement]\npod_cgroups = [\"\"]", "usher.toml:2:15:", "names of cgroups");
  expect_error("[enforcement]\npod_cgroups = \"kubepods\"", "usher.toml:2:15:", "an array");
  std::string many;
  for (int i = 0; i < 9; ++i) {
    many += "\"/a\", ";
  }
  expect_error("[enforcement]\npause_programs = [" + many + "]", "usher.toml:2:18:", "at most 8");
}

BOOST_AUTO_TEST_CASE(a_socket_path_that_the_kernel_would_not_take_is_an_error) {
  const std::string deep = "/" + std::string(120, 'd');
  const auto socket = parse_config("[agent]\nhook_socket = \"" + deep + "\"", "f");
  BOOST_REQUIRE(socket.errors.size() == 1U);
  BOOST_TEST(socket.errors[0].starts_with("f:2:"), socket.errors[0]);
  const auto both = parse_config("[agent]\n\nrun_dir = \"" + deep + "\"", "f");
  BOOST_REQUIRE(both.errors.size() == 2U);
  BOOST_TEST(both.errors[0].starts_with("f:3:"), both.errors[0]);
}

BOOST_AUTO_TEST_CASE(a_named_adapter_that_is_not_there_is_an_error) {
  const AdapterPath below = [](const std::string& name, const std::filesystem::path& directory) {
    return directory / (name + ".so");
  };
  const std::string text = "[adapters]\nselect = [\"cri-o\"]\ndirectory = \"/nowhere\"";
  const auto result = parse_config(text, "f", below);
  BOOST_REQUIRE(result.errors.size() == 1U);
  BOOST_TEST(result.errors[0].starts_with("f:2:"), result.errors[0]);
  BOOST_TEST(result.errors[0].find("/nowhere/cri-o.so") != std::string::npos, result.errors[0]);
  BOOST_TEST(parse_config(text, "f").errors.empty());
}

BOOST_AUTO_TEST_CASE(a_depth_that_no_file_needs_is_an_error_and_no_crash) {
  const auto result = parse_config("x = " + std::string(100'000, '['), "f");
  BOOST_REQUIRE(result.errors.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_syntax_error_has_its_place) {
  expect_error("[agent]\nrun_dir = ", "usher.toml:2:", "");
}

BOOST_AUTO_TEST_CASE(every_problem_is_told_at_once) {
  const auto result = parse_config("[log]\nlevel = 1\nfrmat = \"x\"\n[hook]\nx = 1", "f");
  BOOST_TEST(result.errors.size() == 3U);
}

BOOST_AUTO_TEST_CASE(an_adapters_table_is_handed_over_under_dotted_keys) {
  const auto [config, errors] = parse_config(
      "[adapters]\nselect = [\"cri-o\"]\n[adapters.cri-o]\na = 1\nb.c = [\"x\"]\nb.d = true", "f");
  BOOST_TEST(errors.empty());
  BOOST_TEST(!config.adapters_automatic);
  const auto& values = config.adapter_config.at("cri-o");
  BOOST_TEST(std::get<std::int64_t>(values.at("a")) == 1);
  BOOST_TEST(std::get<std::vector<std::string>>(values.at("b.c")).front() == "x");
  BOOST_TEST(std::get<bool>(values.at("b.d")));
}

BOOST_AUTO_TEST_CASE(what_an_adapter_refuses_is_told_with_the_place_of_its_key) {
  const auto config =
      parse_config("[adapters.cri-o]\ncri.deadline_ms = 1\n\ninstal = true", "f").config;
  BOOST_TEST(settings_error(config, "cri-o", "unknown setting \"instal\"") ==
             "f:4:1: [adapters.cri-o]: unknown setting \"instal\"");
  BOOST_TEST(
      settings_error(config, "cri-o", "setting \"cri.deadline_ms\" is 1").starts_with("f:2:"));
  BOOST_TEST(settings_error(config, "cri-o", "no key is named").starts_with("f:1:"));
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_an_error_that_says_what_to_do) {
  const auto result = load_config("/nonexistent/usher.toml");
  BOOST_REQUIRE_EQUAL(result.errors.size(), 1U);
  BOOST_TEST(result.errors[0].find("--config") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_reload_does_not_take_is_told_by_its_keys) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "usher.toml";
  const auto write = [&](const std::string& text) { BOOST_REQUIRE(write_file(file, text)); };
  write("[enforcement]\nunenrolled = \"audit\"\n[adapters.containerd]\nmode = \"nri\"\n");
  const auto began = load_config(file);
  BOOST_REQUIRE(began.errors.empty());
  BOOST_TEST(changed_since_start(began.config) == "");
  write(
      "# the same\n[adapters.containerd]\nmode = \"nri\"\n[enforcement]\nunenrolled = "
      "\"audit\"\n");
  BOOST_TEST(changed_since_start(began.config) == "");
  write(
      "[enforcement]\nunenrolled = \"deny\"\npod_cgroups = [\"x\"]\n"
      "[adapters.containerd]\nmode = \"closed\"\n");
  const auto told = changed_since_start(began.config);
  BOOST_TEST(told.find("(enforcement.unenrolled, enforcement.pod_cgroups, adapters (their "
                       "settings)): that needs a restart") != told.npos);
  write("[enforcement]\nunenrolled = \"never\"\n");
  BOOST_TEST(changed_since_start(began.config).find("usher.toml:2:") != std::string::npos);
  BOOST_TEST(changed_since_start(parse_config("", "usher.toml").config) == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent
