// The editor of containerd's configuration: texts in, texts out.
#include <boost/test/unit_test.hpp>

#include "base/file.hpp"
#include "containerd/install/edit.hpp"

using usher::containerd::KeyPath;
using usher::containerd::set_keys;
using usher::containerd::take_back;
using usher::containerd::Want;

namespace {

const KeyPath kRunc2 = {"plugins", "io.containerd.grpc.v1.cri", "containerd", "runtimes", "runc"};
const KeyPath kRunc3 = {"plugins", "io.containerd.cri.v1.runtime", "containerd", "runtimes",
                        "runc"};
const KeyPath kNri = {"plugins", "io.containerd.nri.v1.nri"};

Want spec(const KeyPath& table = kRunc2) {
  return {table,
          {"base_runtime_spec", "/etc/usher/base.json"},
          {{"runtime_type", "io.containerd.runc.v2"}}};
}
Want nri_on() {
  return {kNri, {"disable", false}, {}};
}

std::string set(const std::string& text, const std::vector<Want>& wants) {
  const auto out = set_keys(text, "config.toml", wants);
  BOOST_TEST_REQUIRE(out.has_value(), (out ? "" : out.error().message));
  return *out;
}
std::string back(const std::string& text) {
  const auto out = take_back(text, "config.toml");
  BOOST_TEST_REQUIRE(out.has_value(), (out ? "" : out.error().message));
  return out->text;
}
std::string value(const std::string& text, KeyPath table, const std::string& key) {
  const auto view = usher::containerd::view_toml(text, "config.toml");
  BOOST_TEST_REQUIRE(view.has_value());
  table.push_back(key);
  const auto* leaf = view->leaf(table);
  return leaf == nullptr ? "none" : leaf->text.value_or(leaf->value);
}
std::string refused(const std::string& text, const Want& want) {
  const auto out = set_keys(text, "config.toml", {want});
  BOOST_TEST_REQUIRE(!out.has_value(), (out ? *out : ""));
  return out.error().message;
}
std::string fixture(const std::string& name) {
  return usher::read_file(std::string(TEST_SOURCE_DIR) + "/fixtures/containerd/" + name).value();
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::string kHead = "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]";

}  // namespace

BOOST_AUTO_TEST_SUITE(containerd_config_edit)

BOOST_AUTO_TEST_CASE(what_is_set_is_taken_back_to_the_byte) {
  const std::string quoted =
      "[ plugins . 'io.containerd.grpc.v1.cri' . containerd . runtimes . \"runc\" ]";
  const std::vector<std::string> texts = {
      fixture("default-1.6.toml"),
      fixture("default-1.7.toml"),
      "",
      "version = 2",
      "version = 2\n",
      "version = 2\r\n" + kHead + "\r\n  runtime_type = \"x\" # mine\r\n",
      "version = 2\n" + kHead + "\n\tbase_runtime_spec = \"\"   # why\n",
      "version = 2\n" + kHead + "\n\tbase_runtime_spec = '/my \xc3\xbc.json'",
      "version = 2\n" + kHead,
      "version = 2\n" + quoted + " # head\nruntime_type='x'\n\n# last words",
      "version = 2\n[plugins]\n\"io.containerd.nri.v1.nri\".disable = true\n",
      "version = 2\n[plugins]\n[plugins.\"io.containerd.nri.v1.nri\"]\n# nothing here\n",
      "version = 2\nx = '''\n" + kHead + "\n'''\n" + kHead + "\nruntime_type = \"x\"\n",
      "version = 2\nx = [\n[1],\n[2]]\n\n\n",
      "# only a remark\n",
      "# usher-was:x = 1\n",
      "version = 2\n# usher-was:x = 1",
  };
  for (const auto& text : texts) {
    const auto edited = set(text, {spec(), nri_on()});
    BOOST_TEST(edited != text);
    BOOST_TEST(value(edited, kRunc2, "base_runtime_spec") == "/etc/usher/base.json");
    BOOST_TEST(value(edited, kNri, "disable") == "false");
    BOOST_TEST(back(edited) == text);
    BOOST_TEST(set(back(edited), {spec(), nri_on()}) == edited);
  }
}

BOOST_AUTO_TEST_CASE(the_defaults_of_version_3_are_edited_as_well) {
  const auto text = fixture("default-2.1.toml");
  const auto edited = set(text, {spec(kRunc3), nri_on()});
  BOOST_TEST(value(edited, kRunc3, "base_runtime_spec") == "/etc/usher/base.json");
  BOOST_TEST(value(edited, kRunc3, "sandboxer") == "podsandbox");
  BOOST_TEST(back(edited) == text);
  // It is on already: nothing is written for it.
  BOOST_TEST(set(text, {nri_on()}) == text);
}

BOOST_AUTO_TEST_CASE(a_line_that_ours_takes_the_place_of_stays_as_a_comment) {
  const auto edited =
      set("version = 2\n" + kHead + "\n  base_runtime_spec = \"/a\"  # mine\n", {spec()});
  BOOST_TEST(has(edited,
                 "\n# usher-was:  base_runtime_spec = \"/a\"  # mine\n"
                 "  base_runtime_spec = \"/etc/usher/base.json\" # usher-instead:"));
}

BOOST_AUTO_TEST_CASE(a_table_that_is_made_has_the_keys_that_it_needs) {
  const auto edited = set("version = 2\n", {spec()});
  BOOST_TEST(value(edited, kRunc2, "runtime_type") == "io.containerd.runc.v2");
  BOOST_TEST(value(set("version = 2\n" + kHead + "\n", {spec()}), kRunc2, "runtime_type") ==
             "none");
}

BOOST_AUTO_TEST_CASE(line_endings_stay_what_they_are) {
  const auto edited = set("version = 2\r\n" + kHead + "\r\n", {spec(), nri_on()});
  for (std::size_t i = 0; i < edited.size(); ++i) {
    BOOST_TEST((edited[i] != '\n' || edited[i - 1] == '\r'));
  }
  BOOST_TEST(!set("version = 2", {spec()}).ends_with('\n'));
}

BOOST_AUTO_TEST_CASE(a_persons_later_edits_stay) {
  const std::string text = "version = 2\n" + kHead + "\nruntime_type = \"x\"\n";
  auto edited = set(text, {spec(), nri_on()});
  edited += "  socket_path = \"/x\"\n";  // below our own header
  const auto out = back(edited);
  BOOST_TEST(!has(out, "usher"));
  BOOST_TEST(value(out, kNri, "socket_path") == "/x");
  BOOST_TEST(value(out, kNri, "disable") == "none");
  BOOST_TEST(value(out, kRunc2, "base_runtime_spec") == "none");
  // Between our lines' file and its end, and in the middle.
  auto other = set(text, {spec()});
  other.insert(other.find("runtime_type"), "# new\npod_annotations = [\"a\"]\n");
  BOOST_TEST(back(other) == "version = 2\n" + kHead +
                                "\n# new\npod_annotations = [\"a\"]\nruntime_type = \"x\"\n");
}

BOOST_AUTO_TEST_CASE(a_line_of_ours_that_was_changed_is_a_persons) {
  auto edited = set("version = 2\n" + kHead + "\n", {spec()});
  const auto at = edited.find("/etc/usher/base.json");
  edited.replace(at, 20, "/theirs.json");
  const auto out = take_back(edited, "config.toml");
  BOOST_TEST_REQUIRE(out.has_value());
  BOOST_TEST(out->text == edited);
  BOOST_TEST_REQUIRE(out->left.size() == 1U);
  BOOST_TEST(has(out->left[0], "config.toml:3: "));
}

BOOST_AUTO_TEST_CASE(what_lines_cannot_reach_is_refused_with_what_to_write) {
  const std::string plugin = "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n";
  for (const auto& [text, line] : std::vector<std::pair<std::string, std::string>>{
           {plugin + "runtimes = { runc = { runtime_type = \"x\" } }\n", ":2:"},
           {plugin + "runtimes.runc = { base_runtime_spec = \"\" }\n", ":2:"},
           {kHead + "\nbase_runtime_spec = \"\"\"\n/x\"\"\"\n", ":2:"},
           {plugin + "runtimes.runc.runtime_type = \"x\"\n", ":"},
           {plugin + "[[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]]\nx = 1\n",
            ":"}}) {
    const auto why = refused(text, spec());
    BOOST_TEST(has(why, "config.toml" + line), why);
    BOOST_TEST(has(why, "write by hand: in the table plugins.'io.containerd.grpc.v1.cri'"), why);
    BOOST_TEST(has(why, "base_runtime_spec = \"/etc/usher/base.json\""), why);
  }
  BOOST_TEST(has(refused("a = = 1\n", spec()), "config.toml:1:5: "));
  BOOST_TEST(has(refused("[[[[plugins.x", spec()), "config.toml:1:"));
  BOOST_TEST(has(refused("[^]\n", spec()), "config.toml:1:"));
}

BOOST_AUTO_TEST_CASE(text_that_only_looks_like_ours_is_left_alone) {
  const std::string text =
      "version = 2\n# usher:00000000\nx = 1 # usher:12345678\n# usher-was:y = 2\n";
  BOOST_TEST(back(text) == text);
}

BOOST_AUTO_TEST_CASE(a_path_with_any_character_is_quoted) {
  const std::string path = "/a \"b\"\\c\n\xc3\xbc";
  const auto edited = set("", {{kRunc2, {"base_runtime_spec", path}, {}}});
  BOOST_TEST(value(edited, kRunc2, "base_runtime_spec") == path);
  BOOST_TEST(back(edited) == "");
}

BOOST_AUTO_TEST_SUITE_END()
