// A feed over doubles of the kernel and the machine, and adapters that publish to it.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <optional>

#include "doubles.hpp"

namespace usher::agent::test {

using adapter::AdapterEvent;
using Kind = AdapterEvent::Kind;

struct FeedWorld : World {
  // Publishes an event of adapter "feeder" and waits for its answer.
  Result<> publish(Kind kind, identity::Identity who, int pid = 0, const std::string& cgroup = {},
                   const std::string& adapter = "feeder", const std::string& runtime = "fake") {
    std::optional<Result<>> answer;
    feed.take({.kind = kind,
               .adapter = adapter,
               .runtime = runtime,
               .identity = std::move(who),
               .cgroup_path = cgroup,
               .pid = pid,
               .done = [&](Result<> result) {
                 BOOST_TEST(!answer.has_value());  // exactly once
                 answer = std::move(result);
               }});
    loop.restart();
    while (!answer && loop.run_one() != 0) {
    }
    BOOST_REQUIRE(answer.has_value());
    return *answer;
  }
  // How often tasks that run were tagged, of all containers or of some.
  std::ptrdiff_t tags() const {
    return std::ranges::count_if(enforcer.calls,
                                 [](const auto& c) { return c.starts_with("tag"); });
  }
  Result<> running(const std::string& id, int pid, const std::string& cgroup = {}) {
    return publish(Kind::container_running, host.who.at(id), pid, cgroup);
  }
  Result<> starting(const std::string& id, int pid) {
    return publish(Kind::container_starting, host.who.at(id), pid);
  }
  static identity::Identity sandbox(const std::string& id, const std::string& pod_namespace,
                                    const std::string& pod, identity::Labels labels) {
    identity::Identity who;
    who.pod_namespace = pod_namespace;
    who.pod_name = pod;
    who.sandbox_id = id;
    who.is_sandbox = true;
    who.runtime_handler = "runc";
    who.pod_labels = std::move(labels);
    who.labels_known = true;
    who.identity_source = "the feed";
    who.labels_source = "the feed";
    return who;
  }
  // A policy that denies /bin/sh to pods with app = VALUE in namespace payments.
  static std::shared_ptr<const policy::Policy> deny_app(const std::string& value) {
    auto policy = std::make_shared<policy::Policy>(*deny_sh("by-label", "payments"));
    policy->select.pod_labels = {{"app", value}};
    return policy;
  }
  // An adopted slot of the kernel's that no record on disk names.
  void add_without_record(std::uint32_t slot, std::uint64_t cgroup_id) {
    Entry lost;
    lost.workload.slot = slot;
    lost.workload.placement.cgroup_id = cgroup_id;
    lost.attributed = false;
    lost.profile = profiles.adopt(0);
    enforcer.slots[slot] = {};
    BOOST_REQUIRE(registry.add(std::move(lost)).has_value());
  }
  const identity::Identity& known(const std::string& id) {
    BOOST_REQUIRE(registry.by_container(id) != nullptr);
    return registry.by_container(id)->workload.identity;
  }
};

inline bool fails_with(const Result<>& result, std::string_view part) {
  BOOST_TEST_INFO((result ? "it did not fail" : result.error().message));
  return !result && result.error().message.find(part) != std::string::npos;
}

}  // namespace usher::agent::test
