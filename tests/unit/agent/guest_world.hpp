// A feed with guests: a runtime's adapter that tells of them, and a relay that claims.
#pragma once

#include "feed_world.hpp"

namespace usher::agent::test {

constexpr std::uint32_t kAll = USHER_GUEST_ENFORCES_EXEC | USHER_GUEST_ENFORCES_FILES |
                               USHER_GUEST_ENFORCES_SOCKETS | USHER_GUEST_ENFORCES_FROM |
                               USHER_GUEST_ENFORCES_SOCKET_FROM;

struct GuestWorld : FeedWorld {
  static identity::Identity guest(const std::string& sandbox_id, const std::string& id,
                                  const std::string& pod_namespace = "payments") {
    identity::Identity who;
    who.pod_namespace = pod_namespace;
    who.pod_name = "pod-" + sandbox_id;
    who.container_name = "main";
    who.container_id = id;
    who.sandbox_id = sandbox_id;
    who.guest = true;
    who.identity_source = "the feed";
    return who;
  }
  // The sandbox, then its container as one that is being created.
  void created(const std::string& sandbox_id, const std::string& id,
               const std::string& pod_namespace = "payments", identity::Labels labels = {}) {
    auto pod = sandbox(sandbox_id, pod_namespace, "pod-" + sandbox_id, std::move(labels));
    pod.guest = true;
    BOOST_TEST_REQUIRE(publish(Kind::sandbox_starting, pod).has_value());
    BOOST_TEST_REQUIRE(
        publish(Kind::container_starting, guest(sandbox_id, id, pod_namespace)).has_value());
  }
  Result<adapter::GuestGrant> claim(const std::string& sandbox_id, const std::string& id,
                                    const std::string& backend = "lsm",
                                    std::uint32_t enforces = kAll) {
    return guests.claim(
        "kata",
        {.sandbox_id = sandbox_id, .container_id = id, .backend = backend, .enforces = enforces});
  }
  // What a guest's agent says of itself.
  static adapter::GuestSession session(const std::string& backend, std::uint64_t applied = 0,
                                       const std::string& trouble = {},
                                       const std::string& problem = {}) {
    adapter::GuestSession said;
    said.backend = backend;
    said.kernel = "6.12";
    said.trouble = trouble;
    said.problem = problem;
    said.enforces = backend == "lsm" ? kAll : 0;
    said.applied = applied;
    return said;
  }
  void use(std::vector<std::shared_ptr<const policy::Policy>> set) {
    policies.use({std::move(set)});
  }
  // As deny_sh, with a text.
  static std::shared_ptr<policy::Policy> written(const std::string& name,
                                                 const std::string& pod_namespace) {
    auto policy = std::make_shared<policy::Policy>(*deny_sh(name, pod_namespace));
    policy->source = "text of " + name;
    return policy;
  }
  const GuestContainer& known(const std::string& sandbox_id, const std::string& id) {
    return guests.sandboxes().at(sandbox_id).containers.at(id);
  }
  void run_posted() {
    loop.restart();
    loop.poll();
  }
  v1::Event last_event() {
    const auto subscription = hub.subscribe(1, false);
    v1::Event out;
    asio::co_spawn(loop, subscription->next(), [&](std::exception_ptr, Result<v1::Event> got) {
      if (got) {
        out = std::move(*got);
      }
    });
    run_posted();
    return out;
  }
  bool logged(std::string_view part) const {
    return log_text.str().find(part) != std::string::npos;
  }
};

template <class T>
int code_of(const Result<T>& result) {
  return result ? 0 : result.error().code;
}

template <class T>
bool says(const Result<T>& result, std::string_view part) {
  BOOST_TEST_INFO((result ? "it did not fail" : result.error().message));
  return !result && result.error().message.find(part) != std::string::npos;
}

}  // namespace usher::agent::test
