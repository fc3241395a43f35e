// The adapter's parts between a runtime that does what a test says and an agent's loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapter/convert.hpp"
#include "containerd/link.hpp"
#include "fake_runtime.hpp"
#include "lab/loop_host.hpp"
#include "nri/nri.pb.h"
#include "scratch.hpp"

namespace usher::containerd::test {

namespace v1 = usher::nri::v1;

struct LinkFixture {
  usher::test::Scratch scratch;
  std::string nri_socket = (scratch.path() / "nri.sock").string();
  std::string cri_socket = (scratch.path() / "cri.sock").string();
  usher::test::LoopHost host;
  std::optional<nri::test::FakeRuntime> runtime;
  std::optional<Link> link;
  std::optional<Result<identity::Identity>> identified;

  Options options(adapter::Config config = {}) const {
    config.emplace("nri.socket", nri_socket);
    config.emplace("cri.socket", cri_socket);
    config.emplace("cri.deadline_ms", std::int64_t{2000});
    const adapter::RawSettings raw(config);
    return Options::from(plugin::Settings(raw.get()));
  }
  void start(adapter::Config config = {}) {
    link.emplace(host.host(), options(std::move(config)));
    link->start();
  }
  void serve() { runtime.emplace(nri_socket); }

  // The hook's, as an installer leaves it.
  std::filesystem::path put_program() const {
    const auto program = scratch.write("usher-hook-" USHER_VERSION, "#!/bin/sh\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    return program;
  }

  void run_until(const std::function<bool()>& done) {
    host.run_until(done);
    BOOST_REQUIRE(done());
  }
  void connect() {
    const auto before = runtime->registered.size();
    run_until([&] { return runtime->pump().registered.size() > before; });
  }
  Result<std::string> answered(std::uint32_t stream) {
    run_until([&] { return runtime->answer(stream).has_value(); });
    return *runtime->answer(stream);
  }
  Result<std::string> ask(const std::string& method, const google::protobuf::MessageLite& message) {
    return answered(runtime->ask(method, message.SerializeAsString()));
  }
  Result<std::string> configure(const std::string& name = "containerd",
                                std::int64_t timeout_ms = 2000) {
    v1::ConfigureRequest message;
    message.set_runtime_name(name);
    message.set_runtime_version("2.1.9");
    message.set_request_timeout(timeout_ms);
    return ask("Configure", message);
  }
  void registered(const v1::SynchronizeRequest& list = {}) {
    connect();
    BOOST_REQUIRE(configure().has_value());
    BOOST_REQUIRE(ask("Synchronize", list).has_value());
  }

  static v1::PodSandbox pod(const std::string& id = "s1", const std::string& handler = "") {
    v1::PodSandbox pod;
    pod.set_id(id);
    pod.set_name("api");
    pod.set_namespace_("payments");
    pod.set_uid("u1");
    pod.set_runtime_handler(handler);
    auto* label = pod.add_labels();
    label->set_key("app");
    label->set_value("api");
    return pod;
  }
  static v1::Container container(const std::string& id = "c1", int state = 1) {
    v1::Container container;
    container.set_id(id);
    container.set_pod_sandbox_id("s1");
    container.set_name("main");
    container.set_state(state);
    container.set_pid(4242);
    return container;
  }
  static v1::StateChangeEvent event(int number, const v1::PodSandbox& of,
                                    const std::optional<v1::Container>& with = {}) {
    v1::StateChangeEvent event;
    event.set_event(number);
    *event.mutable_pod() = of;
    if (with) {
      *event.mutable_container() = *with;
    }
    return event;
  }

  std::vector<std::uint32_t> kinds() const {
    std::vector<std::uint32_t> out;
    for (const auto& each : host.published) {
      out.push_back(each.kind);
    }
    return out;
  }
  std::size_t count(std::uint32_t kind) const {
    return static_cast<std::size_t>(
        std::ranges::count(host.published, kind, &usher::test::LoopHost::Published::kind));
  }
  // The agent's answer to the last thing that it was asked.
  void agent_answers(std::int32_t status, std::string why = {}) {
    const auto done = host.asked.back();
    const usher_error error = plugin::detail::error_of(why, 0);
    done.call(done.context, done.ticket, status, status == USHER_OK ? nullptr : &error);
  }
  bool healthy() const { return !host.healths.empty() && host.healths.back().starts_with("1 "); }

  const Result<identity::Identity>& identify(
      const std::vector<std::pair<std::string, std::string>>& annotations) {
    std::vector<usher_pair> pairs;
    for (const auto& [key, value] : annotations) {
      pairs.push_back({plugin::raw(key), plugin::raw(value)});
    }
    usher_oci_state state{};
    state.size = sizeof state;
    state.runtime = plugin::raw("containerd");
    state.id = plugin::raw("c1");
    state.annotations = pairs.data();
    state.annotation_count = pairs.size();
    identified.reset();
    try {
      link->identify(plugin::OciState(state), plugin::Answer({&take, this, 0}));
    } catch (const plugin::Failure& failure) {
      identified = fail(failure.what());
    }
    host.run_until([&] { return identified.has_value(); });
    BOOST_REQUIRE(identified.has_value());
    return *identified;
  }
  const Result<identity::Identity>& identify(const std::string& sandbox = "s1",
                                             const std::string& pod_namespace = "payments") {
    return identify({{"io.kubernetes.cri.container-name", "main"},
                     {"io.kubernetes.cri.container-type", "container"},
                     {"io.kubernetes.cri.sandbox-id", sandbox},
                     {"io.kubernetes.cri.sandbox-name", "api"},
                     {"io.kubernetes.cri.sandbox-namespace", pod_namespace},
                     {"io.kubernetes.cri.sandbox-uid", "u1"}});
  }

  void stop() {
    bool stopped = false;
    link->stop(plugin::Done({[](void* context, std::uint64_t, std::int32_t, const usher_error*) {
                               *static_cast<bool*>(context) = true;
                             },
                             &stopped, 0}));
    host.run_until([&] { return stopped; });
    BOOST_TEST(stopped);
    link.reset();
  }
  ~LinkFixture() {
    if (link) {
      stop();
    }
  }

 private:
  static void take(void* self, std::uint64_t, const usher_identity* who, const usher_error* error) {
    auto& me = *static_cast<LinkFixture*>(self);
    if (me.identified.has_value()) {
      return;  // what an exception unwinds
    }
    if (who == nullptr) {
      me.identified = fail(std::string(plugin::view({error->message, error->length})));
    } else {
      auto read = adapter::identity_of(who);
      BOOST_REQUIRE(read.has_value());
      me.identified = std::move(*read);
    }
  }
};

}  // namespace usher::containerd::test
