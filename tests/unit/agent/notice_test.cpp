// The gate for hooks that name neither the runtime nor a pid, over doubles of the kernel, the
// machine and the adapters.
#include <boost/test/unit_test.hpp>

#include "doubles.hpp"

namespace usher::agent::test {

namespace {

const std::string kId(64, 'a');
const std::string kCgroup = "/kubepods/burstable/podu1/" + kId;

struct NoticeWorld : World {
  NoticeWorld() {
    container(kId, 100, 50);
    machine.processes[100].cgroup_path = kCgroup;
    machine.roots["/b"] = "/b/rootfs";
    host.who[kId].pod_uid = "u1";
    host.who[kId].pod_name = "api";
    host.who[kId].sandbox_id = "s1";
    policies.use({{deny_sh("p", "payments")}});
  }
  // What an adapter said of the pod's sandbox.
  void sandbox(const std::string& id, const std::string& uid, const std::string& runtime = "fake") {
    identity::Identity who;
    who.pod_namespace = "payments";
    who.pod_name = "api";
    who.pod_uid = uid;
    who.sandbox_id = id;
    who.is_sandbox = true;
    who.pod_labels = {{"app", "api"}};
    who.labels_known = true;
    who.labels_source = "the feed";
    BOOST_REQUIRE(sandboxes.keep("feeder of " + runtime, runtime, who).has_value());
  }
  api::ContainerNotice said() const {
    api::ContainerNotice notice;
    notice.cgroups_path = kCgroup;
    notice.root_dir = "/b";
    notice.annotations = {{"key", "value"}};
    notice.pod_namespace = "payments";
    notice.pod_name = "api";
    notice.pod_uid = "u1";
    notice.container_name = "main";
    return notice;
  }
  // Empty: GO; else the refusal's message.
  std::string verdict(const api::ContainerNotice& notice, const std::string& runtime = {}) {
    v1::HookResponse answer;
    asio::co_spawn(loop, enrolment.notice(notice, runtime),
                   [&](std::exception_ptr, v1::HookResponse got) { answer = std::move(got); });
    loop.restart();
    while (answer.verdict() == v1::HookResponse::VERDICT_UNSPECIFIED && loop.run_one() != 0) {
    }
    BOOST_REQUIRE(answer.verdict() != v1::HookResponse::VERDICT_UNSPECIFIED);
    return answer.verdict() == v1::HookResponse::VERDICT_GO ? "" : answer.message();
  }
  // How often an event of that type is in the log.
  std::size_t told(const std::string& type) const {
    std::size_t times = 0;
    const auto text = log_text.str();
    const auto word = "\"event\":\"" + type + "\"";
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
      ++times;
    }
    return times;
  }
  void refused(const api::ContainerNotice& notice, std::string_view because,
               const std::string& runtime = {}) {
    const auto why = verdict(notice, runtime);
    BOOST_TEST(why.find(because) != std::string::npos, "it says \"" << why << "\"");
    BOOST_TEST(registry.size() == 0U);
    BOOST_TEST(enforcer.slots.empty());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(notices_of_foreign_hooks, NoticeWorld)

BOOST_AUTO_TEST_CASE(a_container_of_a_pod_on_record_is_enrolled_with_the_records_labels) {
  sandbox("s1", "u1");
  BOOST_TEST(verdict(said()) == "");
  const auto* entry = registry.by_container(kId);
  BOOST_REQUIRE(entry != nullptr);
  BOOST_TEST(entry->workload.runtime == "fake");
  BOOST_TEST(entry->workload.placement.cgroup_id == 50U);
  BOOST_TEST(entry->workload.identity.pod_labels.at("app") == "api");
  BOOST_TEST(entry->profile->rules.policies.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_adapter_is_asked_with_what_the_hook_knows_and_the_cgroups_id) {
  sandbox("s1", "u1");
  BOOST_TEST(verdict(said()) == "");
  BOOST_TEST(host.asked.id == kId);
  BOOST_TEST(host.asked.pid == 100);
  BOOST_TEST(host.asked.root == "/b/rootfs");
  BOOST_TEST(host.asked.annotations.at("key") == "value");
}

BOOST_AUTO_TEST_CASE(a_second_call_confirms) {
  sandbox("s1", "u1");
  BOOST_TEST(verdict(said()) == "");
  BOOST_TEST(verdict(said()) == "");
  BOOST_TEST(enforcer.slots.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pod_that_no_adapter_knows_is_refused) {
  sandbox("s2", "u2");
  refused(said(), "no adapter knows a pod of uid \"u1\"");
}

BOOST_AUTO_TEST_CASE(a_named_runtime_stands_in_for_the_record) {
  BOOST_TEST(verdict(said(), "fake") == "");
  BOOST_TEST(registry.by_container(kId)->workload.runtime == "fake");
}

BOOST_AUTO_TEST_CASE(a_named_runtime_that_the_record_denies_is_refused) {
  sandbox("s1", "u1", "other");
  refused(said(), "one of runtime \"other\"", "fake");
}

BOOST_AUTO_TEST_CASE(two_runtimes_that_know_the_pod_name_neither) {
  sandbox("s1", "u1");
  sandbox("s1", "u1", "other");
  refused(said(), "2 runtimes");
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_is_not_on_record_is_refused) {
  sandbox("s1", "u1");
  host.who[kId].sandbox_id = "s9";
  refused(said(), "sandbox \"s9\"");
}

BOOST_AUTO_TEST_CASE(what_the_hook_claims_neither_counts_nor_refuses_and_is_told_once) {
  sandbox("s1", "u1");
  auto forged = said();
  for (auto member : {&api::ContainerNotice::pod_namespace, &api::ContainerNotice::pod_name,
                      &api::ContainerNotice::pod_uid, &api::ContainerNotice::container_name,
                      &api::ContainerNotice::container_id}) {
    forged.*member = "forged";
  }
  BOOST_TEST(verdict(forged) == "");
  BOOST_TEST(verdict(forged) == "");
  const auto* entry = registry.by_container(kId);
  BOOST_REQUIRE(entry != nullptr);
  BOOST_TEST(entry->workload.identity.pod_namespace == "payments");
  BOOST_TEST(entry->workload.identity.pod_name == "api");
  BOOST_TEST(entry->workload.identity.pod_uid == "u1");
  BOOST_TEST(entry->profile->rules.policies.size() == 1U);
  BOOST_TEST(told("claim") == 1U);
}

BOOST_AUTO_TEST_CASE(claims_that_are_true_are_not_told) {
  sandbox("s1", "u1");
  BOOST_TEST(verdict(said()) == "");
  BOOST_TEST(told("claim") == 0U);
}

BOOST_AUTO_TEST_CASE(long_texts_of_the_hooks_are_cut_where_they_are_told) {
  sandbox("s1", "u1");
  auto loud = said();
  loud.pod_namespace = std::string(100'000, '\n');
  BOOST_TEST(verdict(loud) == "");
  BOOST_TEST(log_text.str().size() < 10'000U);
  loud.cgroups_path = "/" + std::string(100'000, '\n');
  const auto why = verdict(loud);
  BOOST_TEST(!why.empty());
  BOOST_TEST(why.size() <= 1100U);
  loud = said();
  loud.root_dir = std::string(100'000, 'x');
  BOOST_TEST(verdict(loud).size() <= 1100U);
  BOOST_TEST(log_text.str().size() < 20'000U);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_of_who_was_found_and_not_of_who_was_claimed) {
  sandbox("s1", "u1");
  auto notice = said();
  notice.container_id = "forged";
  notice.pod_name = "forged";
  enforcer.enrol_fails = true;
  BOOST_TEST(verdict(notice) != "");
  BOOST_TEST(log_text.str().find("\"container_id\":\"" + kId) != std::string::npos);
  BOOST_TEST(log_text.str().find("\"pod\":\"api\"") != std::string::npos);
  BOOST_TEST(log_text.str().find("forged") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_named_runtime_that_cannot_give_its_record_is_refused) {
  host.who[kId].record_unknown = true;
  refused(said(), "did not give its own record", "fake");
}

BOOST_AUTO_TEST_CASE(a_record_of_the_feed_stands_in_for_one_that_is_not_given_now) {
  sandbox("s1", "u1");
  host.who[kId].record_unknown = true;
  BOOST_TEST(verdict(said(), "fake") == "");
  BOOST_TEST(registry.by_container(kId)->workload.identity.labels_known);
}

BOOST_AUTO_TEST_CASE(a_named_runtime_that_nobody_serves_is_refused_in_words_of_the_configuration) {
  refused(said(), "[compat.tetragon]", "crio");
}

BOOST_AUTO_TEST_CASE(an_adapter_whose_identity_the_cgroup_denies_is_refused) {
  sandbox("s1", "u1");
  auto notice = said();
  notice.pod_uid.clear();
  host.who[kId].pod_uid = "u2";
  refused(notice, "u2");
}

BOOST_AUTO_TEST_CASE(an_older_hook_that_copies_no_keys_is_served) {
  sandbox("s1", "u1");
  api::ContainerNotice notice;
  notice.cgroups_path = kCgroup;
  notice.root_dir = "/b";
  BOOST_TEST(verdict(notice) == "");
  BOOST_TEST(registry.by_container(kId)->workload.identity.pod_name == "api");
}

BOOST_AUTO_TEST_CASE(a_cgroup_that_names_no_container_is_refused) {
  machine.processes[100].cgroup_path = "/somewhere/else";
  auto notice = said();
  notice.cgroups_path = "/somewhere/else";
  refused(notice, "does not say which container", "fake");
}

BOOST_AUTO_TEST_CASE(an_empty_cgroup_is_refused) {
  sandbox("s1", "u1");
  machine.processes.clear();
  refused(said(), "the runtime's init");
}

BOOST_AUTO_TEST_CASE(an_init_that_changes_while_the_adapter_is_asked_is_refused) {
  sandbox("s1", "u1");
  host.on_question = [this] {
    machine.processes[101] = machine.processes[100];
    machine.processes.erase(100);
  };
  refused(said(), "another one");
}

BOOST_AUTO_TEST_CASE(a_root_that_cannot_be_found_is_refused) {
  sandbox("s1", "u1");
  auto notice = said();
  notice.root_dir = "/elsewhere";
  refused(notice, "cannot find its root");
}

BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_take_it_is_a_refusal) {
  sandbox("s1", "u1");
  enforcer.enrol_fails = true;
  refused(said(), "reads back other");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
