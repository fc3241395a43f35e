// The channel, the client and the lister against a real gRPC server that answers as told.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <optional>

#include "cri/cri.pb.h"
#include "cri/grpc.hpp"
#include "cri/lister.hpp"
#include "fake_server.hpp"
#include "lab/loop_host.hpp"
#include "scratch.hpp"

namespace usher::cri {
namespace {

using std::chrono::milliseconds;
using test::FakeServer;
using test::LoopHost;

template <class T>
Detached store(Task<T> task, std::optional<T>& to) {
  to = co_await std::move(task);
}

struct CriFixture {
  test::Scratch scratch;
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
  Client client(milliseconds deadline = milliseconds(5000)) {
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
    options.first_pause = milliseconds(1);
    options.longest_pause = milliseconds(20);
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

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cri_client, CriFixture)

BOOST_AUTO_TEST_CASE(a_missing_socket_is_an_error_at_once) {
  auto asking = client();
  const auto answer = wait(asking.version());
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().code == ENOENT);
  BOOST_TEST(answer.error().message.find(socket) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(answers_and_statuses_arrive) {
  serve_pod();
  server.start();
  auto asking = client();
  BOOST_TEST(wait(asking.version())->name == "cri-o");
  BOOST_TEST(wait(asking.container_pid("c1")).value() == 42);
  const auto gone = wait(asking.container_pid("c2"));
  BOOST_TEST(gone.error().code == ENOENT);
  BOOST_TEST(gone.error().message.find("ended meanwhile") != std::string::npos);
  BOOST_TEST(wait(asking.sandbox("s1")).error().code == ENOSYS);
  asking.close();
}

BOOST_AUTO_TEST_CASE(another_sandbox_than_was_asked_for_is_refused) {
  server.handlers["PodSandboxStatus"] = [](const std::string&) {
    v1::PodSandboxStatusResponse response;
    response.mutable_status()->set_id("s2");
    response.mutable_status()->mutable_metadata()->set_namespace_("n");
    response.mutable_status()->mutable_metadata()->set_name("p");
    return FakeServer::Reply{response.SerializeAsString(), {}};
  };
  server.start();
  auto asking = client();
  BOOST_TEST(wait(asking.sandbox("s2")).has_value());
  BOOST_TEST(!wait(asking.sandbox("s1")).has_value());
  asking.close();
}

BOOST_AUTO_TEST_CASE(a_runtime_that_does_not_answer_meets_the_deadline) {
  server.handlers["Version"] = [](const std::string&) { return FakeServer::Reply{{}, {}, true}; };
  server.start();
  auto asking = client(milliseconds(60));
  const auto answer = wait(asking.version());
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().code == ETIMEDOUT);
  server.handlers.clear();
  BOOST_TEST(wait(asking.version()).error().code == ENOSYS);  // the connection is good still
  asking.close();
}

BOOST_AUTO_TEST_CASE(long_messages_pass_up_to_the_limit) {
  const auto channel = Channel::create(host.loop(), socket, {}, 1U << 20);
  std::size_t size = 1U << 20;
  server.handlers["M"] = [&](const std::string& request) {
    BOOST_TEST(request.size() == 700'000U);
    return FakeServer::Reply{std::string(size, 'x'), {}};
  };
  server.start();
  const std::string request(700'000, 'q');
  const auto whole = wait(channel->call("/s/M", request, milliseconds(20'000)));
  BOOST_REQUIRE(whole.has_value());
  BOOST_TEST(whole->size() == size);
  ++size;
  const auto cut = wait(channel->call("/s/M", request, milliseconds(20'000)));
  BOOST_REQUIRE(!cut.has_value());
  BOOST_TEST(cut.error().code == EMSGSIZE);
  channel->close();
}

BOOST_AUTO_TEST_CASE(many_calls_share_a_connection) {
  serve_version();
  server.start();
  auto asking = client();
  std::vector<std::optional<Result<RuntimeVersion>>> answers(200);
  for (auto& answer : answers) {
    store(asking.version(), answer);
  }
  host.run_until([&] {
    return std::ranges::all_of(answers, [](const auto& answer) { return answer.has_value(); });
  });
  BOOST_TEST(std::ranges::all_of(answers, [](const auto& a) { return a->has_value(); }));
  asking.close();
}

BOOST_AUTO_TEST_CASE(closing_ends_what_is_under_way) {
  server.handlers["Version"] = [](const std::string&) { return FakeServer::Reply{{}, {}, true}; };
  server.start();
  auto asking = client();
  std::optional<Result<RuntimeVersion>> answer;
  store(asking.version(), answer);
  asking.close();
  host.run_until([&] { return answer.has_value(); });
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->error().code == ECANCELED);
  BOOST_TEST(wait(asking.version()).error().code == ECANCELED);
}

BOOST_AUTO_TEST_CASE(a_lost_connection_is_told_and_made_again) {
  serve_version();
  server.start();
  std::optional<Error> lost;
  Client asking(host.loop(), socket, milliseconds(5000), [&](const Error& why) { lost = why; });
  BOOST_TEST(wait(asking.version()).has_value());
  server.stop();
  host.run_until([&] { return lost.has_value(); });
  BOOST_TEST(lost.has_value());
  BOOST_TEST(!asking.connected());
  server.start();
  BOOST_TEST(wait(asking.version()).has_value());
  asking.close();
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(cri_lister, CriFixture)

BOOST_AUTO_TEST_CASE(all_that_runs_is_published_and_then_synced) {
  serve_pod();
  server.start();
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return !healths.empty(); });
  BOOST_REQUIRE(host.published.size() == 4U);
  BOOST_TEST(host.published[0].kind == static_cast<std::uint32_t>(USHER_EVENT_LISTING));
  const auto& sandbox = host.published[1];
  BOOST_TEST(sandbox.kind == static_cast<std::uint32_t>(USHER_EVENT_SANDBOX_STARTING));
  BOOST_TEST(sandbox.who.sandbox_id == "s1");
  BOOST_TEST(sandbox.who.pod_labels.at("app") == "api");
  const auto& container = host.published[2];
  BOOST_TEST(container.kind == static_cast<std::uint32_t>(USHER_EVENT_CONTAINER_RUNNING));
  BOOST_TEST(container.runtime == "cri-o");
  BOOST_TEST(container.who.container_id == "c1");
  BOOST_TEST(container.who.pod_namespace == "payments");
  BOOST_TEST(container.who.labels_known);
  BOOST_TEST(container.pid == 42);
  BOOST_TEST(host.published[3].kind == static_cast<std::uint32_t>(USHER_EVENT_SYNCED));
  BOOST_TEST(healths[0].starts_with("1 joined with cri-o 1.37.0"));
  stop(lister);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_comes_later_is_listed_then) {
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return !healths.empty(); });
  BOOST_TEST(healths[0].starts_with("2 "));  // degraded: it was never there
  serve_pod();
  server.start();
  host.run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 1U);
  stop(lister);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_was_lost_is_unhealthy_and_listed_again) {
  serve_pod();
  server.start();
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return healths.size() == 1; });
  server.stop();
  host.run_until([&] { return healths.size() > 1; });
  BOOST_TEST(healths[1].starts_with("3 "));
  server.start();
  host.run_until([&] { return count(USHER_EVENT_SYNCED) == 2; });
  BOOST_TEST(count(USHER_EVENT_SANDBOX_STARTING) == 2U);
  stop(lister);
}

BOOST_AUTO_TEST_CASE(a_host_without_room_is_asked_again) {
  serve_pod();
  server.start();
  host.busy = 3;
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  BOOST_TEST(host.published.size() == 4U);
  stop(lister);
}

BOOST_AUTO_TEST_CASE(it_stops_in_the_middle_of_a_question) {
  server.handlers["Version"] = [](const std::string&) { return FakeServer::Reply{{}, {}, true}; };
  server.start();
  Lister lister(host.host(), options());
  lister.start();
  stop(lister);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cri_framing)

BOOST_AUTO_TEST_CASE(an_answer_is_one_whole_uncompressed_message) {
  const auto answer = [](const std::string& body, const std::string& status = "0") {
    Answer a;
    a.header(":status", "200");
    a.data(body, 100);
    a.header("grpc-status", status);
    return a.result(0);
  };
  BOOST_TEST(answer(frame_message("hi")).value() == "hi");
  BOOST_TEST(answer(frame_message("")).value().empty());
  BOOST_TEST(!answer(frame_message("hi") + "x").has_value());
  BOOST_TEST(!answer("\0\0\0").has_value());
  auto compressed = frame_message("hi");
  compressed[0] = 1;
  BOOST_TEST(!answer(compressed).has_value());
  BOOST_TEST(answer(frame_message(std::string(101, 'x'))).error().code == EMSGSIZE);
  BOOST_TEST(answer("", "5").error().code == ENOENT);
  BOOST_TEST(!answer("", "").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::cri
