// What passes as Kata: told by what containerd says that a runtime handler stands for.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <memory>

#include "containerd/install/handlers.hpp"
#include "cri/cri.pb.h"
#include "link_fixture.hpp"
#include "unit/cri/fake_server.hpp"

namespace usher::containerd::test {
namespace {

constexpr const char* kStatus = R"({"containerd": {"defaultRuntimeName": "vm", "runtimes": {
  "vm": {"runtimeType": "io.containerd.kata.v2"},
  "my-vm": {"runtimeType": "/opt/bin/containerd-shim-Kata-v2"},
  "kata-x": {"runtimeType": "io.containerd.runc.v2"},
  "runc": {"runtimeType": "io.containerd.runc.v2"}}}})";

struct WithHandlers : LinkFixture {
  usher::test::FakeServer server{cri_socket};

  void serve_status(const std::string& config) {
    server.handlers["Status"] = [=](const std::string&) {
      cri::v1::StatusResponse response;
      auto* info = response.add_info();
      info->set_key("config");
      info->set_value(config);
      return usher::test::FakeServer::Reply{response.SerializeAsString(), {}};
    };
    server.start();
  }
  // Is a container of that handler asked about?
  bool gated(const std::string& handler, const std::string& id) {
    const auto before = count(USHER_EVENT_CONTAINER_STARTING);
    const auto stream = runtime->ask(
        "StateChange", event(6, pod("s1", handler), container(id)).SerializeAsString());
    run_until([&] {
      return runtime->answer(stream).has_value() || count(USHER_EVENT_CONTAINER_STARTING) > before;
    });
    if (count(USHER_EVENT_CONTAINER_STARTING) == before) {
      return false;
    }
    agent_answers(USHER_OK);
    return answered(stream).has_value();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(what_is_kata, WithHandlers)

BOOST_AUTO_TEST_CASE(a_kata_container_is_another_kernels) {
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod("s1", "kata");
  *list.add_containers() = container("c0", 3);
  registered(list);
  BOOST_TEST(ask("StateChange", event(6, pod("s1", "kata"), container())).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_STARTING) == 0U);
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 0U);
  BOOST_TEST(count(USHER_EVENT_SANDBOX_STARTING) == 1U);
}

BOOST_AUTO_TEST_CASE(what_passes_as_kata_is_told_and_counted) {
  serve();
  start();
  registered();
  for (const std::string id : {"c1", "c2", "c3"}) {
    BOOST_TEST(ask("StateChange", event(6, pod("s1", "kata-x"), container(id))).has_value());
  }
  const auto lines = std::ranges::count_if(host.logged, [](const auto& line) {
    return line.find("passes without policy") != std::string::npos &&
           line.find("kata-x") != std::string::npos;
  });
  BOOST_TEST(lines == 2);  // at 1 and 2
}

BOOST_AUTO_TEST_CASE(the_default_runtime_passes_as_kata_where_kata_handlers_says_so) {
  serve();
  start({{"kata_handlers", std::vector<std::string>{"kata-*", ""}}});
  registered();
  BOOST_TEST(ask("StateChange", event(6, pod(), container())).has_value());
  BOOST_TEST(count(USHER_EVENT_CONTAINER_STARTING) == 0U);
}

BOOST_AUTO_TEST_CASE(the_type_says_what_a_handler_is_and_not_its_name) {
  serve_status(kStatus);
  serve();
  start();
  v1::SynchronizeRequest list;
  *list.add_pods() = pod();  // of the default runtime, which is Kata here
  *list.add_containers() = container("c0", 3);
  registered(list);
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 0U);
  BOOST_TEST(!gated("", "c1"));
  BOOST_TEST(!gated("vm", "c2"));
  BOOST_TEST(!gated("my-vm", "c3"));
  BOOST_TEST(gated("kata-x", "c4"));
  BOOST_TEST(gated("runc", "c5"));
  BOOST_TEST(!gated("kata-unheard-of", "c6"));
  BOOST_TEST(std::ranges::any_of(host.logged, [](const auto& line) {
    return line.find("\"vm\" is of type io.containerd.kata.v2") != std::string::npos;
  }));
}

BOOST_AUTO_TEST_CASE(what_a_person_calls_kata_is_kata_by_handler_and_by_runtime) {
  serve_status(R"({"containerd": {"defaultRuntimeName": "sandboxed", "runtimes": {
    "sandboxed": {"runtimeType": "io.containerd.other.v1"}}}})");
  serve();
  start({{"kata_handlers", std::vector<std::string>{"sandbox*"}}});
  registered();
  BOOST_TEST(!gated("sandboxed", "c1"));
  BOOST_TEST(!gated("", "c2"));
  BOOST_TEST(gated("kata-not", "c3") == false);  // by its name, as its type is not known
}

BOOST_AUTO_TEST_CASE(a_status_that_says_nothing_leaves_the_names) {
  for (const std::string config : {"", "{}", "[]", R"({"containerd": {"runtimes": []}})", "{\"c"}) {
    BOOST_TEST(!handlers_in(config).has_value(), config);
  }
  const auto bare =
      handlers_in(R"({"containerd": {"runtimes": {"runc": null, "a": {"runtimeType": 1}}}})");
  BOOST_REQUIRE(bare.has_value());
  BOOST_TEST(bare->type_of("a") == "");
  BOOST_TEST(bare->runtime_of("") == "");
  serve_status("{}");
  serve();
  start();
  registered();
  BOOST_TEST(!gated("kata", "c1"));
  BOOST_TEST(gated("", "c2"));
}

BOOST_AUTO_TEST_CASE(without_nri_no_container_of_kata_is_listed) {
  server.handlers["Version"] = [](const std::string&) {
    cri::v1::VersionResponse response;
    response.set_runtime_name("containerd");
    return usher::test::FakeServer::Reply{response.SerializeAsString(), {}};
  };
  server.handlers["ListPodSandbox"] = [](const std::string&) {
    cri::v1::ListPodSandboxResponse response;
    for (const std::string handler : {"", "runc"}) {
      auto* item = response.add_items();
      item->set_id("s-" + handler);
      item->mutable_metadata()->set_name("api");
      item->mutable_metadata()->set_namespace_("payments");
      item->set_runtime_handler(handler);
    }
    return usher::test::FakeServer::Reply{response.SerializeAsString(), {}};
  };
  server.handlers["ListContainers"] = [](const std::string&) {
    cri::v1::ListContainersResponse response;
    for (const std::string handler : {"", "runc"}) {
      auto* item = response.add_containers();
      item->set_id("c-" + handler);
      item->set_pod_sandbox_id("s-" + handler);
      item->mutable_metadata()->set_name("main");
      item->set_state(1);
    }
    return usher::test::FakeServer::Reply{response.SerializeAsString(), {}};
  };
  server.handlers["ContainerStatus"] = [](const std::string&) {
    cri::v1::ContainerStatusResponse response;
    auto* info = response.add_info();
    info->set_key("info");
    info->set_value(R"({"pid": 4242})");
    return usher::test::FakeServer::Reply{response.SerializeAsString(), {}};
  };
  serve_status(kStatus);
  start();
  run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  BOOST_TEST(count(USHER_EVENT_SANDBOX_STARTING) == 2U);
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 1U);
  BOOST_TEST(std::ranges::any_of(host.published, [](const auto& told) {
    return told.kind == unsigned{USHER_EVENT_CONTAINER_RUNNING} &&
           told.who.container_id == "c-runc";
  }));
}

// As a containerd that starts does: its NRI is there before its CRI serves.
BOOST_AUTO_TEST_CASE(what_handlers_stand_for_is_asked_until_containerd_says_it) {
  const auto asked = std::make_shared<std::atomic<int>>(0);
  server.handlers["Status"] = [asked](const std::string&) {
    if (++*asked <= 3) {
      return usher::test::FakeServer::Reply{
          {}, grpc::Status(grpc::StatusCode::UNKNOWN, "server is not initialized yet")};
    }
    cri::v1::StatusResponse response;
    auto* info = response.add_info();
    info->set_key("config");
    info->set_value(kStatus);
    return usher::test::FakeServer::Reply{response.SerializeAsString(), {}};
  };
  server.start();
  serve();
  start();
  registered();
  run_until([&] { return *asked == 4; });
  bool passes = false;
  for (int i = 0; i < 100 && !passes; ++i) {
    passes = !gated("vm", "c" + std::to_string(i));
  }
  BOOST_TEST(passes);
  const auto lines = std::ranges::count_if(host.logged, [](const auto& line) {
    return line.find("does not say which runtimes are Kata") != std::string::npos;
  });
  BOOST_TEST(lines == 1);  // for one reason
}

BOOST_AUTO_TEST_CASE(a_containerd_that_does_not_say_keeps_nobody_from_registering) {
  server.handlers["Status"] = [](const std::string&) {
    return usher::test::FakeServer::Reply{{}, {}, true};
  };
  server.start();
  serve();
  start({{"cri.deadline_ms", std::int64_t{10'000}}});
  const auto begun = std::chrono::steady_clock::now();
  registered();
  BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(9)));
  BOOST_TEST(!gated("kata", "c1"));
}

BOOST_AUTO_TEST_CASE(it_stops_while_it_asks) {
  server.handlers["Status"] = [](const std::string&) {
    return usher::test::FakeServer::Reply{{}, {}, true};
  };
  server.start();
  serve();
  start();
  run_until([&] { return !server.asked().empty(); });
  stop();
  BOOST_TEST(runtime->registered.empty());
}

// Without NRI nobody else would ever say so.
BOOST_AUTO_TEST_CASE(a_runtime_that_begins_without_the_hook_is_said_in_closed) {
  server.handlers["Version"] = [](const std::string&) {
    cri::v1::VersionResponse response;
    response.set_runtime_name("containerd");
    return usher::test::FakeServer::Reply{response.SerializeAsString(), {}};
  };
  for (const auto* called : {"ListPodSandbox", "ListContainers"}) {
    server.handlers[called] = [](const std::string&) { return usher::test::FakeServer::Reply{}; };
  }
  const auto foreign = scratch.write("foreign.json", "{}");
  const auto ours = scratch.write("ours.json", R"({"hooks": {"createRuntime": [
    {"path": "/opt/usher/bin/usher-hook-1.2.3", "args": ["usher-hook", "createRuntime"]}]}})");
  serve_status(R"({"containerd": {"runtimes": {
    "runc": {"runtimeType": "io.containerd.runc.v2", "baseRuntimeSpec": ""},
    "site": {"runtimeType": "io.containerd.runc.v2", "baseRuntimeSpec": ")" +
               foreign.string() + R"("},
    "ours": {"runtimeType": "io.containerd.runc.v2", "baseRuntimeSpec": ")" +
               ours.string() + R"("},
    "unseen": {"runtimeType": "io.containerd.runc.v2", "baseRuntimeSpec": "/nonexistent/x"},
    "vm": {"runtimeType": "io.containerd.kata.v2"}, "boxed": {}}}})");
  const auto said = [&](const std::string& text) {
    return !host.healths.empty() && host.healths.back().find(text) != std::string::npos;
  };
  const adapter::Config settings = {{"kata_handlers", std::vector<std::string>{"box*"}}};
  start(settings);
  run_until([&] { return count(USHER_EVENT_SYNCED) == 1 && said("without the hook"); });
  BOOST_TEST(!healthy());
  BOOST_TEST(said("for the runtime runc (no base runtime spec), site (" + foreign.string() +
                  ", where it is not): while"));
  BOOST_TEST(said("run: usherctl runtime install containerd"));
  serve();
  registered();
  BOOST_TEST(said("without the hook"));
  stop();
  runtime.reset();
  // Those that get it have it; in another mode the gate is another.
  for (const auto& [key, value] : {std::pair<std::string, adapter::ConfigValue>(
                                       "runtimes", std::vector<std::string>{"ours", "unseen"}),
                                   {"mode", "nri"}}) {
    serve();
    start({{key, value}, {"kata_handlers", std::vector<std::string>{"box*"}}});
    registered();
    BOOST_TEST(healthy());
    stop();
    runtime.reset();
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::containerd::test
