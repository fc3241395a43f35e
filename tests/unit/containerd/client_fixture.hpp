// A client of NRI, a service that keeps what it is told, and the runtime that they live with.
#pragma once

#include <boost/test/unit_test.hpp>
#include <optional>

#include "containerd/nri/answers.hpp"
#include "containerd/nri/client.hpp"
#include "fake_runtime.hpp"
#include "lab/loop_host.hpp"
#include "nri/nri.pb.h"
#include "scratch.hpp"

namespace usher::nri::test {

using std::chrono::milliseconds;
using usher::test::LoopHost;
using usher::test::Scratch;
using State = Client::State;

struct Told : Service {
  Result<std::int32_t> answer = 0x7f;
  std::vector<Configure> configured;
  std::vector<Synchronize> parts;
  std::vector<Notice> notices;
  std::vector<Reply> kept;  // where keep
  bool keep = false;
  std::string reply;

  Result<std::int32_t> configure(const Configure& runtime) override {
    configured.push_back(runtime);
    return answer;
  }
  Result<> synchronize(Synchronize part) override {
    parts.push_back(std::move(part));
    return {};
  }
  void notice(Notice notice, Reply to) override {
    notices.push_back(std::move(notice));
    if (keep) {
      kept.push_back(std::move(to));
    } else {
      to.ok(reply);
    }
  }
};

struct Life {
  Scratch scratch;
  std::string socket = (scratch.path() / "nri.sock").string();
  LoopHost host;
  Told service;
  std::vector<State> states;
  std::vector<std::string> sentences;
  std::optional<FakeRuntime> runtime;
  std::optional<Client> client;

  Client::Options options() {
    Client::Options options;
    options.socket = socket;
    options.first_pause = milliseconds(1);
    options.longest_pause = milliseconds(20);
    options.told = [this](State state, const std::string& sentence) {
      if (states.empty() || states.back() != state) {
        states.push_back(state);
      }
      sentences.push_back(sentence);
    };
    options.log = [this](std::uint32_t, const std::string& line) { host.logged.push_back(line); };
    return options;
  }
  void start() { start(options()); }
  void start(Client::Options with) {
    client.emplace(host.loop(), std::move(with), service);
    client->start();
  }
  void serve() { runtime.emplace(socket); }
  void run_until(const std::function<bool()>& done) {
    host.run_until(done);
    BOOST_REQUIRE(done());
  }
  void connect() {
    const auto before = runtime->registered.size();
    run_until([&] { return runtime->pump().registered.size() > before; });
  }
  Result<std::string> ask(const std::string& method, const std::string& payload = {}) {
    const auto stream = runtime->ask(method, payload);
    return answered(stream);
  }
  Result<std::string> answered(std::uint32_t stream) {
    run_until([&] { return runtime->answer(stream).has_value(); });
    return *runtime->answer(stream);
  }
  static std::string configure_message(std::int64_t timeout_ms = 2000) {
    v1::ConfigureRequest message;
    message.set_runtime_name("containerd");
    message.set_runtime_version("2.1.9");
    message.set_request_timeout(timeout_ms);
    return message.SerializeAsString();
  }
  void synchronized() {
    connect();
    BOOST_REQUIRE(ask("Configure", configure_message()).has_value());
    BOOST_REQUIRE(ask("Synchronize").has_value());
  }
  static std::string start_container() {
    v1::StateChangeEvent message;
    message.set_event(6);
    message.mutable_pod()->set_id("s1");
    message.mutable_pod()->set_name("api");
    message.mutable_pod()->set_namespace_("payments");
    message.mutable_container()->set_id("c1");
    message.mutable_container()->set_pod_sandbox_id("s1");
    message.mutable_container()->set_name("main");
    return message.SerializeAsString();
  }
  ~Life() {
    if (client) {
      bool stopped = false;
      client->stop([&] { stopped = true; });
      host.run_until([&] { return stopped; });
      BOOST_TEST(stopped);
    }
  }
};

}  // namespace usher::nri::test
