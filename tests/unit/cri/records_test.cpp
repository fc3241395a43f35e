// What is taken out of a runtime's messages, and what is refused.
#include <boost/test/unit_test.hpp>

#include "cri/cri.pb.h"
#include "cri/lister.hpp"
#include "cri/records.hpp"

namespace usher::cri {
namespace {

v1::PodSandboxStatusResponse status_of_pod() {
  v1::PodSandboxStatusResponse response;
  auto& status = *response.mutable_status();
  status.set_id("s1");
  status.mutable_metadata()->set_namespace_("payments");
  status.mutable_metadata()->set_name("api");
  status.mutable_metadata()->set_uid("11111111-2222-3333-4444-555555555555");
  status.set_runtime_handler("kata");
  return response;
}

void label(v1::PodSandboxStatusResponse& to, const std::string& key, const std::string& value) {
  auto* entry = to.mutable_status()->add_labels();
  entry->set_key(key);
  entry->set_value(value);
}

Result<Sandbox> read(const v1::PodSandboxStatusResponse& response) {
  return read_sandbox_status(response.SerializeAsString());
}

template <class T>
bool refused_with(const Result<T>& result, std::string_view part) {
  BOOST_TEST_INFO((result ? "it was taken" : result.error().message));
  return !result && result.error().message.find(part) != std::string::npos;
}

plugin::Identity keys() {
  plugin::Identity who;
  who.pod_namespace = "payments";
  who.pod_name = "api";
  who.sandbox_id = "s1";
  who.identity_source = "keys";
  return who;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cri_records)

BOOST_AUTO_TEST_CASE(a_sandbox_is_its_metadata_labels_and_handler) {
  auto response = status_of_pod();
  label(response, "app", "api");
  const auto sandbox = read(response);
  BOOST_REQUIRE(sandbox.has_value());
  BOOST_TEST(sandbox->pod_namespace == "payments");
  BOOST_TEST(sandbox->pod_name == "api");
  BOOST_TEST(sandbox->runtime_handler == "kata");
  BOOST_TEST(sandbox->ready);
  BOOST_TEST(sandbox->labels.at("app") == "api");
}

BOOST_AUTO_TEST_CASE(labels_cannot_say_which_pod_it_is) {
  auto response = status_of_pod();
  label(response, "io.kubernetes.pod.namespace", "kube-system");
  label(response, "io.kubernetes.pod.name", "other");
  label(response, "io.kubernetes.pod.uid", "0");
  const auto sandbox = read(response);
  BOOST_REQUIRE(sandbox.has_value());
  BOOST_TEST(sandbox->pod_namespace == "payments");
  BOOST_TEST(sandbox->labels.empty());
}

BOOST_AUTO_TEST_CASE(names_that_are_none_are_refused) {
  for (const auto& bad : {std::string("a/b"), std::string("a b"), std::string("a\0b", 3),
                          std::string(254, 'a'), std::string("\xff"), std::string()}) {
    auto response = status_of_pod();
    response.mutable_status()->mutable_metadata()->set_namespace_(bad);
    BOOST_TEST(refused_with(read(response), "the pod's namespace"));
    response = status_of_pod();
    response.mutable_status()->set_id(bad);
    BOOST_TEST(refused_with(read(response), "the sandbox's id"));
  }
}

BOOST_AUTO_TEST_CASE(hostile_labels_are_not_known_and_leave_the_pod_what_it_is) {
  const auto problem = [](const std::string& key, const std::string& value, int times = 1) {
    auto response = status_of_pod();
    for (int i = 0; i < times; ++i) {
      label(response, key, value);
    }
    const auto sandbox = read(response);
    BOOST_REQUIRE(sandbox.has_value());
    BOOST_TEST(sandbox->pod_namespace == "payments");
    BOOST_TEST(sandbox->labels.empty());
    auto who = keys();
    join(who, *sandbox);
    BOOST_TEST(!who.labels_known);
    BOOST_TEST(sandbox->labels_problem.size() < 600U);
    BOOST_TEST(sandbox->labels_problem.find('\0') == std::string::npos);
    return sandbox->labels_problem;
  };
  BOOST_TEST(problem("app", std::string(1U << 20, 'x')).find("longer than") != std::string::npos);
  for (const auto& bad :
       {std::string("a\0b", 3), std::string("\xc3\x28"), std::string("\xed\xa0\x80"),
        std::string("\xc0\x80"), std::string("\xf5\x80\x80\x80")}) {
    BOOST_TEST(problem("app", bad).find("no text") != std::string::npos);
    BOOST_TEST(problem(bad, "x").find("no text") != std::string::npos);
  }
  BOOST_TEST(problem("app", "a", 2).find("twice") != std::string::npos);
  BOOST_TEST(problem("", "b").find("without a key") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(text_of_other_scripts_is_text) {
  auto response = status_of_pod();
  label(response, "app", "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb3");
  BOOST_TEST(read(response).has_value());
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_message_are_refused) {
  BOOST_TEST(refused_with(read_sandbox_status("\xff\xff\xff"), "no message"));
  BOOST_TEST(refused_with(read_sandbox_status(""), "id"));
}

BOOST_AUTO_TEST_CASE(one_bad_record_does_not_spoil_a_list) {
  v1::ListPodSandboxResponse response;
  for (const auto* id : {"s1", "s/2", "s3"}) {
    auto* item = response.add_items();
    item->set_id(id);
    item->mutable_metadata()->set_namespace_("n");
    item->mutable_metadata()->set_name("p");
  }
  const auto list = read_sandboxes(response.SerializeAsString());
  BOOST_REQUIRE(list.has_value());
  BOOST_TEST(list->items.size() == 2U);
  BOOST_REQUIRE(list->problems.size() == 1U);
  BOOST_TEST(list->problems[0].find("s/2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_pid_comes_from_the_verbose_status) {
  const auto pid = [](const std::string& json) {
    v1::ContainerStatusResponse response;
    auto* info = response.add_info();
    info->set_key("info");
    info->set_value(json);
    return read_container_pid(response.SerializeAsString());
  };
  BOOST_TEST(pid(R"({"sandboxID":"s","pid":42})").value() == 42);
  BOOST_TEST(pid("{}").value() == 0);
  BOOST_TEST(pid("not json").value() == 0);
  BOOST_TEST(pid("[42]").value() == 0);
  for (const auto* bad :
       {R"({"pid":"42"})", R"({"pid":-1})", R"({"pid":99999999999})", R"({"pid":1.5})"}) {
    BOOST_TEST(refused_with(pid(bad), "pid"));
  }
}

BOOST_AUTO_TEST_CASE(a_join_fills_in_what_the_keys_cannot_say) {
  auto who = keys();
  auto sandbox = *read(status_of_pod());
  sandbox.labels = {{"app", "api"}};
  join(who, sandbox);
  BOOST_TEST(who.labels_known);
  BOOST_TEST(who.pod_labels.at("app") == "api");
  BOOST_TEST(who.runtime_handler == "kata");
  BOOST_TEST(who.pod_uid == "11111111-2222-3333-4444-555555555555");
  BOOST_TEST(who.identity_source == "keys, cri (the runtime's own record)");
}

BOOST_AUTO_TEST_CASE(a_join_of_records_that_disagree_throws) {
  const auto sandbox = *read(status_of_pod());
  for (auto member : {&plugin::Identity::pod_namespace, &plugin::Identity::pod_name,
                      &plugin::Identity::pod_uid, &plugin::Identity::sandbox_id}) {
    auto who = keys();
    who.*member = "other";
    BOOST_CHECK_THROW(join(who, sandbox), plugin::Failure);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::cri
