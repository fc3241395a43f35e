// The installer on a node under a prefix, with a program that stands for the hook.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "base/file.hpp"
#include "kata/install/configurations.hpp"
#include "kata/install/installer.hpp"
#include "scratch.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;

const std::string kConfig =
    "/opt/kata/share/defaults/kata-containers/runtimes/clh/configuration-clh.toml";
const std::string kDropInOfClh =
    "/opt/kata/share/defaults/kata-containers/runtimes/clh/config.d/60-usher.toml";
const std::string kShip = "/opt/usher/kata";

struct Told {
  struct Step {
    std::uint32_t kind;
    std::string path, what, diff;
  };
  std::vector<Step> steps;
  std::vector<std::string> problems;
  std::string error;

  bool has_problem(std::string_view part) const {
    return std::ranges::any_of(
        problems, [&](const auto& one) { return one.find(part) != std::string::npos; });
  }
  bool has_step(std::uint32_t kind, std::string_view path, std::string_view part = "") const {
    return std::ranges::any_of(steps, [&](const Step& one) {
      return one.kind == kind && one.path == path && one.what.find(part) != std::string::npos;
    });
  }
  std::size_t changes() const {
    return static_cast<std::size_t>(std::ranges::count_if(steps, [](const Step& one) {
      return one.kind == USHER_STEP_CREATE || one.kind == USHER_STEP_REPLACE ||
             one.kind == USHER_STEP_REMOVE;
    }));
  }
};

struct Node {
  usher::test::Scratch root;
  usher::test::Scratch built;
  InstallOptions options;

  Node() {
    const auto hook = built.write("usher-hook", "#!/bin/sh\necho usher-hook 1.2.3\n");
    ::chmod(hook.c_str(), 0755);
    options.root = root.path();
    options.hook_source = hook;
    options.hook_dir = options.ship_dir;
    options.guest_path = "/usr/share/usher/hooks";
    options.port = 4051;
    put(kConfig, "[hypervisor.clh]\npath = \"x\"\nenable_annotations = [\"enable_iommu\"]\n");
  }
  fs::path at(const std::string& path) const { return root.path() / path.substr(1); }
  void put(const std::string& path, const std::string& text) const {
    root.write(path.substr(1), text);
  }
  std::string text(const std::string& path) const { return read_file(at(path)).value_or(""); }

  Told run(void (*action)(const InstallOptions&, plugin::Report&)) const {
    Told told;
    const usher_install_sink sink{
        sizeof sink, 0, &told,
        [](void* to, const usher_install_step* step) {
          static_cast<Told*>(to)->steps.push_back(
              {step->kind, std::string(plugin::view(step->path)),
               std::string(plugin::view(step->what)), std::string(plugin::view(step->diff))});
        },
        [](void* to, usher_string sentence) {
          static_cast<Told*>(to)->problems.push_back(std::string(plugin::view(sentence)));
        }};
    plugin::Report report(sink);
    try {
      action(options, report);
    } catch (const plugin::Failure& failure) {
      told.error = failure.what();
    }
    return told;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& one : fs::recursive_directory_iterator(root.path())) {
      if (!one.is_directory() && one.path().filename() != ".lock" &&
          one.path().filename().string().find("lock") == std::string::npos) {
        out.push_back("/" + fs::relative(one.path(), root.path()).string());
      }
    }
    std::ranges::sort(out);
    return out;
  }
};

BOOST_FIXTURE_TEST_SUITE(kata_installer, Node)

BOOST_AUTO_TEST_CASE(puts_a_drop_in_and_the_folder_to_ship) {
  const auto told = run(&install_kata);
  BOOST_TEST(told.error == "");
  BOOST_TEST(told.problems.empty());
  const auto drop_in = text(kDropInOfClh);
  BOOST_TEST(drop_in.starts_with(kOurs));
  const auto read = read_configuration(drop_in);
  BOOST_REQUIRE(read);
  BOOST_TEST(read->hypervisors.at("clh").guest_hook_path == "/usr/share/usher/hooks");
  BOOST_TEST(read->bind_mounts.empty());
  for (const char* stage : {"prestart", "poststart", "poststop"}) {
    const auto hook = at(kShip + "/hooks/" + stage + "/usher-hook");
    struct stat info{};
    BOOST_REQUIRE(::lstat(hook.c_str(), &info) == 0);
    BOOST_TEST(S_ISREG(info.st_mode));
    BOOST_TEST((info.st_mode & 0777U) == 0755U);
  }
  const auto conf = text(kShip + "/hooks/usher-hook.conf");
  BOOST_TEST(conf.ends_with("\nrelay = vsock:4051\ndeadline = 1500ms\nfail = closed\n"));
  BOOST_TEST(run(&verify_kata).problems.empty());
}

BOOST_AUTO_TEST_CASE(changes_nothing_the_second_time_and_nothing_in_a_plan) {
  const auto before = files();
  const auto plan = run(&plan_kata);
  BOOST_TEST(plan.changes() == 5U);
  BOOST_TEST(plan.has_step(USHER_STEP_CREATE, kDropInOfClh));
  BOOST_TEST(std::ranges::any_of(plan.steps, [](const auto& step) {
    return step.diff.find("+guest_hook_path") != std::string::npos;
  }));
  BOOST_TEST(files() == before);
  run(&install_kata);
  BOOST_TEST(run(&install_kata).changes() == 0U);
}

BOOST_AUTO_TEST_CASE(takes_back_its_own_and_nothing_else) {
  const auto before = files();
  put(kShip + "/hooks/prestart/another", "mine");
  put("/opt/kata/share/defaults/kata-containers/runtimes/clh/config.d/70-mine.toml", "");
  run(&install_kata);
  BOOST_TEST(run(&uninstall_kata).error == "");
  auto after = files();
  BOOST_TEST(std::erase(after, kShip + "/hooks/prestart/another") == 1U);
  BOOST_TEST(std::erase(after,
                        "/opt/kata/share/defaults/kata-containers/runtimes/clh/config.d/"
                        "70-mine.toml") == 1U);
  BOOST_TEST(after == before);
  BOOST_TEST(!fs::exists(at(kShip + "/hooks/poststop")));
  BOOST_TEST(run(&uninstall_kata).changes() == 0U);
}

BOOST_AUTO_TEST_CASE(leaves_a_file_of_that_name_that_is_not_its_own) {
  put(kDropInOfClh, "# mine\n");
  BOOST_TEST(run(&install_kata).error.find("not Usher's") != std::string::npos);
  run(&uninstall_kata);
  BOOST_TEST(text(kDropInOfClh) == "# mine\n");
}

BOOST_AUTO_TEST_CASE(mounts_the_folder_beside_what_is_mounted) {
  options.bind = true;
  options.guest_path = "/somewhere/hooks";
  put("/opt/kata/share/defaults/kata-containers/runtimes/clh/config.d/50-mine.toml",
      "[runtime]\nsandbox_bind_mounts = [\"/mine\"]\n");
  run(&install_kata);
  const auto read = read_configuration(text(kDropInOfClh));
  BOOST_REQUIRE(read);
  BOOST_TEST(read->bind_mounts == (std::vector<std::string>{"/mine", "/opt/usher/kata"}));
}

BOOST_AUTO_TEST_CASE(replaces_a_link_which_kata_would_pass_over) {
  run(&install_kata);
  const auto hook = at(kShip + "/hooks/prestart/usher-hook");
  fs::remove(hook);
  fs::create_symlink("../poststop/usher-hook", hook);
  BOOST_TEST(run(&verify_kata).has_problem("link"));
  run(&install_kata);
  BOOST_TEST(!fs::is_symlink(hook));
  BOOST_TEST(run(&verify_kata).problems.empty());
}

BOOST_AUTO_TEST_CASE(verify_names_annotations_that_switch_it_off) {
  put(kConfig,
      "[hypervisor.clh]\nenable_annotations = [\"enable_iommu\", \"kernel_.*\", "
      "\"guest_hook_path\"]\n");
  run(&install_kata);
  const auto told = run(&verify_kata);
  BOOST_TEST(told.problems.size() == 2U);
  BOOST_TEST(told.has_problem("kernel_.*"));
  BOOST_TEST(told.has_problem("\"guest_hook_path\""));
  BOOST_TEST(run(&plan_kata).has_step(USHER_STEP_MANUAL, kConfig, "enable_annotations"));
}

BOOST_AUTO_TEST_CASE(verify_names_annotations_that_boot_another_guest) {
  put(kConfig,
      "[hypervisor.clh]\nenable_annotations = [\"image\", \"initrd\", \"kernel\", "
      "\"shared_fs\", \"default_.*\"]\n");
  run(&install_kata);
  const auto told = run(&verify_kata);
  BOOST_TEST(told.problems.size() == 3U);
  BOOST_TEST(told.has_problem("\"image\" out of enable_annotations"));
  BOOST_TEST(told.has_problem("\"initrd\" out of enable_annotations"));
  BOOST_TEST(told.has_problem("\"kernel\" out of enable_annotations"));
  put(kConfig, "[hypervisor.clh]\nenable_annotations = [\".*\"]\n");
  BOOST_TEST(run(&verify_kata).problems.size() == 1U);
}

BOOST_AUTO_TEST_CASE(verify_goes_on_where_an_image_is_broken) {
  run(&install_kata);
  options.image = "/image";
  BOOST_TEST(run(&verify_kata).has_problem("/image is no directory"));
  put("/image/usr/share/usher/hooks/prestart/usher-hook", "no program");
  fs::create_directory(at("/image/usr/share/usher/hooks/usher-hook.conf"));
  put(kConfig, "[hypervisor.clh]\nenable_annotations = [\"image\"]\n");
  const auto told = run(&verify_kata);
  BOOST_TEST(told.error == "");
  BOOST_TEST(told.has_problem("usher-hook.conf"));
  BOOST_TEST(told.has_problem("\"image\" out of enable_annotations"));
}

BOOST_AUTO_TEST_CASE(verify_names_what_undoes_it) {
  run(&install_kata);
  put("/opt/kata/share/defaults/kata-containers/runtimes/clh/config.d/80-other.toml",
      "[hypervisor.clh]\nguest_hook_path = \"/other\"\n");
  BOOST_TEST(run(&verify_kata).has_problem("80-other.toml"));
}

BOOST_AUTO_TEST_CASE(verify_names_what_kata_would_not_call) {
  run(&install_kata);
  fs::permissions(at(kShip + "/hooks/prestart/usher-hook"), fs::perms::owner_read);
  fs::remove(at(kShip + "/hooks/poststop/usher-hook"));
  put(kShip + "/hooks/usher-hook.conf", "relay = vsock:1\n");
  fs::remove(at(kDropInOfClh));
  const auto told = run(&verify_kata);
  BOOST_TEST(told.has_problem("prestart/usher-hook: nobody may run it"));
  BOOST_TEST(told.has_problem("poststop/usher-hook is missing"));
  BOOST_TEST(told.has_problem("usher-hook.conf is not as"));
  BOOST_TEST(told.has_problem("60-usher.toml is missing"));
}

BOOST_AUTO_TEST_CASE(verify_looks_at_an_image_by_the_guests_paths) {
  run(&install_kata);
  options.image = "/image";
  fs::create_directory(at(options.image));
  BOOST_TEST(run(&verify_kata).has_problem("/usr/share/usher/hooks/prestart/usher-hook"));
  fs::create_directories(at("/image/usr/share/usher"));
  fs::copy(at(kShip + "/hooks"), at("/image/usr/share/usher/hooks"), fs::copy_options::recursive);
  BOOST_TEST(run(&verify_kata).problems.empty());
}

BOOST_AUTO_TEST_CASE(a_configuration_that_is_not_certain_gets_nothing) {
  const std::string folder = "/etc/kata-containers/runtimes/both/";
  put(folder + "configuration-a.toml", "[hypervisor.a]\n");
  put(folder + "configuration-b.toml", "[hypervisor.b]\n");
  BOOST_TEST(run(&install_kata).has_problem("configurations"));
  BOOST_TEST(!fs::exists(at(folder + "config.d")));
  put(folder + "configuration.toml", "[hypervisor.b]\n");
  run(&install_kata);
  BOOST_TEST(fs::exists(at(folder + "config.d/60-usher.toml")));
}

BOOST_AUTO_TEST_CASE(only_the_runtimes_that_are_named_get_it) {
  put("/etc/kata-containers/runtimes/qemu/configuration.toml", "[hypervisor.qemu]\n");
  options.shims = {"qemu"};
  run(&install_kata);
  BOOST_TEST(fs::exists(at("/etc/kata-containers/runtimes/qemu/config.d/60-usher.toml")));
  BOOST_TEST(!fs::exists(at(kDropInOfClh)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(a_pattern_that_cannot_be_read_counts_as_one_that_lets_in) {
  BOOST_TEST(patterns_for({"a", "(", "kernel_params"}, "kernel_params").size() == 2U);
  BOOST_TEST(patterns_for({"kernel_param", "xkernel_params"}, "kernel_params").empty());
}

}  // namespace
}  // namespace usher::kata
