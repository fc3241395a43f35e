#include "cri-o/schema.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "cri-o/hook_json.hpp"

using usher::cri_o::hook_files;
using usher::cri_o::HookDefinition;
using usher::cri_o::HookOptions;
using usher::cri_o::parse_hook;

namespace {

std::string file(const std::string& hook, const std::string& when, const std::string& stages) {
  return R"({"version":"1.0.0","hook":)" + hook + R"(,"when":)" + when + R"(,"stages":)" + stages +
         "}";
}

const std::string kHook = R"({"path":"/bin/h","timeout":1})";
const std::string kAlways = R"({"always":true})";
const std::string kStages = R"(["createRuntime"])";

void refuses(const std::string& json, const std::string& why) {
  const auto read = parse_hook(json);
  BOOST_TEST(!read.has_value(), json);
  if (!read) {
    BOOST_TEST(read.error().message.find(why) != std::string::npos,
               json << ": " << read.error().message);
  }
}

HookDefinition reads(const std::string& json) {
  const auto read = parse_hook(json);
  BOOST_TEST(read.has_value(), json << ": " << (read ? "" : read.error().message));
  return read.value_or(HookDefinition{});
}

bool remarks(const HookDefinition& hook, const std::string& part) {
  for (const auto& remark : hook.remarks) {
    if (remark.find(part) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hook_schema)

BOOST_AUTO_TEST_CASE(our_own_files_are_read_without_a_remark) {
  for (const auto& ours : hook_files(HookOptions{}, "/opt/usher/bin/usher-hook-1")) {
    const auto hook = reads(ours.content);
    BOOST_TEST(hook.always);
    BOOST_TEST(hook.remarks.empty());
    BOOST_TEST(hook.path == "/opt/usher/bin/usher-hook-1");
    BOOST_TEST(hook.stages.size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(what_the_runtimes_refuse_is_refused) {
  refuses("", "not JSON");
  refuses("{", "not JSON");
  refuses("[]", "must be an object");
  refuses("\xEF\xBB\xBF{}", "byte order mark");
  refuses(R"({"version":1})", "version must be a string");
  refuses(R"({"version":"1.0.1"})", "none that the runtimes know");
  refuses(file("\"/bin/h\"", kAlways, kStages), "hook must be an object");
  refuses(file("{}", kAlways, kStages), "hook.path is missing");
  refuses(file(R"({"path":""})", kAlways, kStages), "hook.path is missing");
  refuses(file(R"({"path":["/bin/h"]})", kAlways, kStages), "hook.path must be a string");
  refuses(file(R"({"path":"/bin/h","args":"h"})", kAlways, kStages), "hook.args must be a list");
  refuses(file(R"({"path":"/bin/h","args":[1]})", kAlways, kStages), "holds number");
  refuses(file(R"({"path":"/bin/h","env":{}})", kAlways, kStages), "hook.env must be a list");
  refuses(file(R"({"path":"/bin/h","timeout":"5"})", kAlways, kStages), "whole number");
  refuses(file(R"({"path":"/bin/h","timeout":5.0})", kAlways, kStages), "whole number");
  refuses(file(R"({"path":"/bin/h","timeout":1e1})", kAlways, kStages), "whole number");
  refuses(file(kHook, "true", kStages), "when must be an object");
  refuses(file(kHook, R"({"always":"true"})", kStages), "when.always must be true or false");
  refuses(file(kHook, R"({"hasBindMounts":1})", kStages), "when.hasBindMounts must be");
  refuses(file(kHook, R"({"commands":".*"})", kStages), "when.commands must be a list");
  refuses(file(kHook, R"j({"commands":["("]})j", kStages), "no regular expression");
  refuses(file(kHook, R"j({"commands":["(?=a)"]})j", kStages), "no regular expression");
  refuses(file(kHook, R"({"annotations":["a"]})", kStages), "when.annotations must be an object");
  refuses(file(kHook, R"({"annotations":{"a":true}})", kStages), "boolean at \"a\"");
  refuses(file(kHook, R"({"annotations":{"[":"a"}})", kStages), "no regular expression");
  refuses(file(kHook, R"({"annotations":{"a":"["}})", kStages), "no regular expression");
  refuses(R"({"version":"1.0.0","hook":{"path":"/bin/h"}})", "stages is missing");
  refuses(file(kHook, kAlways, "null"), "stages is missing");
  refuses(file(kHook, kAlways, R"("createRuntime")"), "stages must be a list");
  refuses(file(kHook, kAlways, R"(["createruntime"])"), "which is no stage");
  refuses(file(kHook, kAlways, R"([null])"), "which is no stage");
  refuses(std::string((1U << 20) + 1, ' '), "longer than");
  std::string deep;
  for (int i = 0; i < 100; ++i) {
    deep += "[";
  }
  refuses(deep + std::string(100, ']'), "nested deeper");
}

BOOST_AUTO_TEST_CASE(what_they_take_is_taken) {
  BOOST_TEST(reads(file(kHook, kAlways, kStages)).always);
  // Keys in any case, null for absent, an unknown key.
  const auto loose = reads(
      R"({"Version":"1.0.0","HOOK":{"Path":"/bin/h","args":null,"timeout":1},"when":{"Always":true},
          "stages":["poststop"],"description":"x"})");
  BOOST_TEST(loose.path == "/bin/h");
  BOOST_TEST(loose.always);
  BOOST_TEST(remarks(loose, "\"description\" means nothing"));
  const auto some = reads(file(
      kHook, R"({"annotations":{"^a$":"b.*"},"commands":["\\Qx\\E"],"hasBindMounts":true})", "[]"));
  BOOST_TEST(!some.always);
  BOOST_TEST(!some.never);
  BOOST_TEST(remarks(some, "stages is empty"));
}

BOOST_AUTO_TEST_CASE(what_they_pass_over_in_silence_is_told) {
  BOOST_TEST(reads(file(kHook, "{}", kStages)).never);
  BOOST_TEST(reads(file(kHook, "null", kStages)).never);
  BOOST_TEST(reads(file(kHook, R"({"always":false})", kStages)).never);
  BOOST_TEST(remarks(reads(file(R"({"path":"/bin/h"})", kAlways, kStages)), "timeout"));
  BOOST_TEST(remarks(reads(file(R"({"path":"h","timeout":1})", kAlways, kStages)), "not absolute"));
  BOOST_TEST(remarks(reads(file(kHook, R"({"always":true,"always":false})", kStages)), "twice"));
  BOOST_TEST(reads(R"({"hook":"/bin/h","stages":["prestart"]})").old_schema);
  BOOST_TEST(reads(R"({"version":"0.1.0"})").old_schema);
}

BOOST_AUTO_TEST_SUITE_END()
