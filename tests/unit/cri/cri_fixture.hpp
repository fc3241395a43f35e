// A runtime's CRI server that answers as told, an agent's loop, and ways to wait for answers.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cri/cri.pb.h"
#include "cri/lister.hpp"
#include "fake_server.hpp"
#include "lab/loop_host.hpp"
#include "scratch.hpp"

namespace usher::cri::test {

using usher::test::FakeServer;
using usher::test::LoopHost;
using usher::test::Scratch;

template <class T>
Detached store(Task<T> task, std::optional<T>& to) {
  to = co_await std::move(task);
}

struct CriFixture {
  Scratch scratch;
  std::string socket = (scratch.path() / "cri.sock").string();
  LoopHost host;
  FakeServer server{socket};

  template <class T>
  Result<T> wait(Task<Result<T>> task) {
    std::optional<Result<T>> answer;
    store(std::move(task), answer);
    host.run_until([&] { return answer.has_value(); });
    BOOST_REQUIRE(answer.has_value());
    return std::move(*answer);
  }
  Client client(std::chrono::milliseconds deadline = std::chrono::milliseconds(5000)) {
    return Client(host.loop(), socket, deadline);
  }
  void serve_version() {
    server.handlers["Version"] = [](const std::string&) {
      v1::VersionResponse response;
      response.set_runtime_name("cri-o");
      response.set_runtime_version("1.37.0");
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
  }
  // One pod with one running container, pid 42.
  void serve_pod() {
    serve_version();
    server.handlers["ListPodSandbox"] = [](const std::string&) {
      v1::ListPodSandboxResponse response;
      auto* item = response.add_items();
      item->set_id("s1");
      item->mutable_metadata()->set_namespace_("payments");
      item->mutable_metadata()->set_name("api");
      auto* label = item->add_labels();
      label->set_key("app");
      label->set_value("api");
      auto* ended = response.add_items();
      *ended = *item;
      ended->set_id("s0");
      ended->set_state(1);
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
    server.handlers["ListContainers"] = [](const std::string&) {
      v1::ListContainersResponse response;
      for (const auto* id : {"c1", "c2"}) {
        auto* item = response.add_containers();
        item->set_id(id);
        item->set_pod_sandbox_id("s1");
        item->mutable_metadata()->set_name("main");
        item->set_state(1);
      }
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
    server.handlers["ContainerStatus"] = [](const std::string& request) {
      v1::ContainerStatusRequest asked;
      asked.ParseFromString(request);
      if (asked.container_id() == "c2") {
        return FakeServer::Reply{{}, {grpc::StatusCode::NOT_FOUND, "ended meanwhile"}};
      }
      v1::ContainerStatusResponse response;
      auto* info = response.add_info();
      info->set_key("info");
      info->set_value(R"({"pid":42})");
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
  }
  Lister::Options options() {
    Lister::Options options;
    options.runtime = "cri-o";
    options.socket = socket;
    options.first_pause = std::chrono::milliseconds(1);
    options.longest_pause = std::chrono::milliseconds(20);
    options.health = [this](std::uint32_t health, const std::string& reason) {
      healths.push_back(std::to_string(health) + " " + reason);
    };
    return options;
  }
  std::size_t count(std::uint32_t kind) const {
    return static_cast<std::size_t>(
        std::ranges::count(host.published, kind, &LoopHost::Published::kind));
  }
  void stop(Lister& lister) {
    bool stopped = false;
    lister.stop([&] { stopped = true; });
    host.run_until([&] { return stopped; });
    BOOST_TEST(stopped);
  }
  std::vector<std::string> healths;
};

}  // namespace usher::cri::test
