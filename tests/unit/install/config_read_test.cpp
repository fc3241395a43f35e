// containerd's configuration with its imports, on a node under a prefix.
#include <boost/test/unit_test.hpp>

#include "base/file.hpp"
#include "containerd/install/config.hpp"
#include "scratch.hpp"

using usher::containerd::Config;
using usher::containerd::Generation;
using usher::containerd::Ours;
using usher::containerd::read_config;
using usher::containerd::Runtime;

namespace {

const std::string kRoot = "/etc/containerd/config.toml";
constexpr Generation k16{1, 6};
constexpr Generation k17{1, 7};
constexpr Generation k21{2, 1};
constexpr Generation k23{2, 3};

struct TestConfig {
  usher::test::Scratch scratch;
  usher::install::Node node{scratch.path()};

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(
        (scratch.path().native() + path).substr(0, (scratch.path().native() + path).rfind('/')));
    scratch.write(path.substr(1), text);
  }
  Config read(const Generation& generation) {
    auto out = read_config(node, kRoot, generation, Ours::taken_back);
    BOOST_TEST_REQUIRE(out.has_value(), (out ? "" : out.error().message));
    return std::move(*out);
  }
  std::string refused(const Generation& generation) {
    const auto out = read_config(node, kRoot, generation, Ours::taken_back);
    BOOST_TEST_REQUIRE(!out.has_value());
    return out.error().message;
  }
};

std::string fixture(const std::string& name) {
  return usher::read_file(std::string(TEST_SOURCE_DIR) + "/fixtures/containerd/" + name).value();
}
std::string v2(const std::string& rest) {
  return "[plugins.\"io.containerd.grpc.v1.cri\".containerd" + rest;
}
std::string v3(const std::string& rest) {
  return "[plugins.'io.containerd.cri.v1.runtime'.containerd" + rest;
}
const Runtime* find(const Config& config, const std::string& name) {
  const auto at = std::ranges::find(config.runtimes, name, &Runtime::name);
  return at == config.runtimes.end() ? nullptr : &*at;
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool nri_is_on(const usher::containerd::Config& config) {
  return config.generation.has_nri() && config.nri.off.empty() && config.nri.disabled.empty();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(containerd_config_read, TestConfig)

BOOST_AUTO_TEST_CASE(the_defaults_of_each_version) {
  for (const auto& [name, generation, version, nri] :
       {std::tuple("1.6", k16, 2, false), {"1.7", k17, 2, false}, {"2.1", k21, 3, true}}) {
    write(kRoot, fixture(std::string("default-") + name + ".toml"));
    const auto config = read(generation);
    BOOST_TEST(config.version == version);
    BOOST_TEST_REQUIRE(config.runtimes.size() == 1U);
    BOOST_TEST(config.runtimes[0].name == "runc");
    BOOST_TEST(config.runtimes[0].type == "io.containerd.runc.v2");
    BOOST_TEST(config.runtimes[0].base_spec == "");
    BOOST_TEST(nri_is_on(config) == nri);
    BOOST_TEST(config.nri.off.size() == (generation.minor == 7 ? 1U : 0U));
    BOOST_TEST(config.address == "/run/containerd/containerd.sock");
  }
}

BOOST_AUTO_TEST_CASE(where_no_file_is_the_built_in_runtime_counts) {
  const auto old = read(k17);
  BOOST_TEST(old.missing);
  BOOST_TEST(old.version == 2);
  BOOST_TEST_REQUIRE(find(old, "runc") != nullptr);
  BOOST_TEST(!nri_is_on(old));
  BOOST_TEST(read(k21).version == 3);
  BOOST_TEST(nri_is_on(read(k21)));
  write(kRoot, "# nothing\n");
  BOOST_TEST(read(k17).version == 2);
  BOOST_TEST(read(k17).blank);
}

BOOST_AUTO_TEST_CASE(kata_is_known_by_its_type_else_by_its_name) {
  write(kRoot, "version = 2\n" + v2(".runtimes.vm]\nruntime_type = \"io.containerd.kata.v2\"\n") +
                   v2(".runtimes.Kata-qemu]\n") +
                   v2(".runtimes.kata-x]\nruntime_type = \"io.containerd.runc.v2\"\n") +
                   v2(".runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n"));
  const auto config = read(k17);
  BOOST_TEST(find(config, "vm")->kata);
  BOOST_TEST(find(config, "Kata-qemu")->kata);
  BOOST_TEST(!find(config, "kata-x")->kata);
  BOOST_TEST(!find(config, "runc")->kata);
}

// As the real ones do: see `containerd config dump`.
BOOST_AUTO_TEST_CASE(containerd_1_forgets_the_built_in_runtime_where_others_are_named) {
  write(kRoot, "version = 2\n" + v2(".runtimes.other]\nruntime_type = \"x\"\n"));
  BOOST_TEST(find(read(k17), "runc") == nullptr);
  BOOST_TEST(find(read(k21), "runc") != nullptr);
}

BOOST_AUTO_TEST_CASE(an_import_replaces_the_plugin_on_1_and_merges_on_2) {
  write(kRoot, "version = 2\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n" +
                   v2(".runtimes.runc]\nruntime_type = \"r\"\nbase_runtime_spec = \"/root\"\n"));
  write("/etc/containerd/conf.d/a.toml", v2(".runtimes.extra]\nruntime_type = \"x\"\n"));
  write("/etc/containerd/conf.d/b.toml",
        "version = 2\n" + v2(".runtimes.runc]\nbase_runtime_spec = \"/b\"\n") +
            "[plugins.\"io.containerd.nri.v1.nri\"]\ndisable = true\n");
  write("/etc/containerd/conf.d/c.txt", "not read");
  const auto old = read(k17);
  BOOST_TEST_REQUIRE(old.files.size() == 3U);
  BOOST_TEST(old.files[1].path == "/etc/containerd/conf.d/a.toml");
  BOOST_TEST(find(old, "extra") == nullptr);
  BOOST_TEST(find(old, "runc")->base_spec == "/b");
  BOOST_TEST(find(old, "runc")->type == "");
  BOOST_TEST(find(old, "runc")->file == 2U);
  const auto merged = read(k21);
  BOOST_TEST(find(merged, "extra")->type == "x");
  BOOST_TEST(find(merged, "extra")->file == 1U);
  BOOST_TEST(find(merged, "runc")->base_spec == "/b");
  BOOST_TEST(find(merged, "runc")->type == "r");
  BOOST_TEST(!nri_is_on(merged));
  BOOST_TEST_REQUIRE(merged.nri.off.size() == 1U);
  BOOST_TEST(merged.nri.off[0].first == 2U);
}

BOOST_AUTO_TEST_CASE(a_relative_import_is_found_beside_its_file) {
  write(kRoot, "version = 3\nimports = [\"more/x.toml\", \"conf.d/*\"]\n");
  write("/etc/containerd/more/x.toml", "version = 3\nimports = [\"y.toml\", \"../config.toml\"]\n");
  write("/etc/containerd/more/y.toml", v3(".runtimes.y]\nruntime_type = \"y\"\n"));
  write("/etc/containerd/conf.d/z", v3(".runtimes.z]\nruntime_type = \"z\"\n"));
  const auto config = read(k21);
  BOOST_TEST_REQUIRE(config.files.size() == 4U);
  BOOST_TEST(config.files[3].path == "/etc/containerd/more/y.toml");  // breadth first
  BOOST_TEST(find(config, "y") != nullptr);
  BOOST_TEST(find(config, "z") != nullptr);
  write(kRoot, "version = 2\nimports = [\"conf.d/*\"]\n");
  BOOST_TEST(read(k17).files.size() == 1U);  // relative to /, there
}

BOOST_AUTO_TEST_CASE(what_cannot_be_edited_safely_is_refused_with_its_place) {
  const auto why = [&](const Generation& generation, const std::string& text) {
    write(kRoot, text);
    return refused(generation);
  };
  BOOST_TEST(has(why(k17, "oom_score = 0\n"), "config.toml:1: has no version"));
  BOOST_TEST(has(why(k17, "\nversion = 1\n"), "config.toml:2: version 1 is none"));
  BOOST_TEST(has(why(k17, "version = 3\n"), "from 2 to 2"));
  BOOST_TEST(has(why(k21, "version = 4\n"), "from 2 to 3"));
  BOOST_TEST(has(why(k21, "version = \"3\"\n"), "config.toml:1: version"));
  BOOST_TEST(has(why(k17, "version = 2\ndisabled_plugins = [\"cri\"]\n"), "config.toml:2: "));
  BOOST_TEST(has(why(k17, "version = 2\nimports = [\"/none.toml\"]\n"), "/none.toml is imported"));
  BOOST_TEST(has(why(k17, "version = 2\nimports = \"x\"\n"), "config.toml:2: imports"));
  BOOST_TEST(has(why(k17, "version = \n"), "config.toml:1:"));
  BOOST_TEST(has(why(k17, "version = 2\n" + v2(".default_runtime]\nruntime_type = \"x\"\n")),
                 "config.toml:3: default_runtime"));
  write("/etc/x.toml", "version = 2\n");
  BOOST_TEST(
      has(why(k21, "version = 3\nimports = [\"/etc/x.toml\"]\n"), "/etc/x.toml:1: version 2"));
  write(kRoot, "version = 4\n");
  BOOST_TEST(read(k23).version == 4);
}

BOOST_AUTO_TEST_CASE(nri_among_the_disabled_plugins_is_told) {
  write(kRoot, "version = 3\ndisabled_plugins = [\"io.containerd.nri.v1.nri\"]\n");
  const auto config = read(k21);
  BOOST_TEST(!nri_is_on(config));
  BOOST_TEST(config.nri.off.empty());
  BOOST_TEST(has(config.nri.disabled, "config.toml:2: "));
}

BOOST_AUTO_TEST_CASE(versions_are_read_as_each_containerd_says_them) {
  const auto of = [](const char* line) { return usher::containerd::generation_of(line); };
  BOOST_TEST(of("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1\n")->minor ==
             6);
  BOOST_TEST(of("containerd github.com/containerd/containerd v1.7.24 88bf19b")->minor == 7);
  BOOST_TEST(of("containerd containerd.io 1.7.27 05044ec")->minor == 7);
  BOOST_TEST(of("containerd github.com/containerd/containerd/v2 2.1.9+unknown \n")->major == 2);
  BOOST_TEST(!of("containerd x 1.5.2 y"));
  BOOST_TEST(!of("docker x 20.1 y"));
  BOOST_TEST(!of(""));
}

BOOST_AUTO_TEST_SUITE_END()
