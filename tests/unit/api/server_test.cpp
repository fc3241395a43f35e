#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <future>

#include "agent_double.hpp"

namespace usher::api::test {
namespace {

v1::HookRequest request_with(std::string state) {
  v1::HookRequest request;
  request.set_runtime("podman");
  request.set_state(std::move(state));
  return request;
}

boost::test_tools::assertion_result as_root(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result root(::geteuid() == 0);
  root.message() << "SKIPPED: the agent speaks to root only, and this is not root";
  return root;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(server, *boost::unit_test::precondition(as_root))

BOOST_AUTO_TEST_CASE(a_hook_gets_the_handlers_answer) {
  const AgentDouble agent;
  const auto answer = agent.hook_client()->hook(request_with("{}"));
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->verdict() == v1::HookResponse::VERDICT_GO);
  BOOST_TEST(answer->message() == "podman 2");
}

BOOST_AUTO_TEST_CASE(sockets_are_for_root_alone_and_go_with_the_server) {
  AgentDouble agent;
  for (const auto& path : {agent.options.hook_socket, agent.options.admin_socket}) {
    struct stat found{};
    BOOST_REQUIRE(::lstat(path.c_str(), &found) == 0);
    BOOST_TEST(S_ISSOCK(found.st_mode));
    BOOST_TEST((found.st_mode & 07777U) == 0600U);
  }
  agent.stop(1s);
  BOOST_TEST(!std::filesystem::exists(agent.options.hook_socket));
  BOOST_TEST(!std::filesystem::exists(agent.options.admin_socket));
}

BOOST_AUTO_TEST_CASE(a_socket_that_was_removed_is_served_again) {
  AgentDouble agent;
  BOOST_TEST(agent.renew().empty());
  std::filesystem::remove(agent.options.hook_socket);
  const auto told = agent.renew();
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told[0].find(agent.options.hook_socket.native()) != std::string::npos);
  BOOST_TEST(agent.hook_client()->hook(request_with("{}")).has_value());
  BOOST_TEST(agent.admin_client()->status().has_value());
  BOOST_TEST(agent.renew().empty());
  std::filesystem::remove(agent.options.hook_socket);
  BOOST_TEST(agent.renew().size() == 1U);
  BOOST_TEST(agent.hook_client()->hook(request_with("{}")).has_value());
}

BOOST_AUTO_TEST_CASE(each_socket_offers_its_own_service_only) {
  const AgentDouble agent;
  BOOST_TEST(!agent.hook_client()->status());
  const auto hook = agent.admin_client()->hook(request_with("{}"));
  BOOST_REQUIRE(!hook);
  BOOST_TEST((hook.error().kind == CallError::Kind::bad_input));
}

BOOST_AUTO_TEST_CASE(a_slow_handler_is_cancelled_and_the_hook_refused_with_a_reason) {
  AgentDouble agent([](ServerOptions& options) { options.hook_deadline = 50ms; });
  const auto answer = agent.hook_client()->hook(request_with(HandlersDouble::kHang));
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->verdict() == v1::HookResponse::VERDICT_REFUSE);
  BOOST_TEST(answer->message().find("within 50 ms") != std::string::npos);
  BOOST_TEST(eventually([&] { return agent.handlers.hooks_cancelled == 1; }));
}

BOOST_AUTO_TEST_CASE(a_handler_deaf_to_cancellation_holds_up_neither_the_hook_nor_the_stop) {
  AgentDouble agent([](ServerOptions& options) {
    options.hook_deadline = 50ms;
    options.max_hook_calls = 1;
  });
  const auto answer = agent.hook_client()->hook(request_with(HandlersDouble::kDeaf));
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->verdict() == v1::HookResponse::VERDICT_REFUSE);
  // It still counts: what it does goes on.
  BOOST_TEST(!agent.hook_client()->hook(request_with("{}")));
  BOOST_TEST(agent.stop(1s).count() < 2000);
  agent.handlers.let_go = true;
  BOOST_TEST(eventually([&] { return agent.handlers.hooks_waiting == 0; }));
}

BOOST_AUTO_TEST_CASE(a_burst_of_starts_is_answered_whole) {
  const AgentDouble agent;
  std::vector<std::future<int>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::async(std::launch::async, [&] {
      int answered = 0;
      for (int call = 0; call < 10; ++call) {
        const auto answer = agent.hook_client()->hook(request_with("{}"));
        answered += answer && answer->verdict() == v1::HookResponse::VERDICT_GO ? 1 : 0;
      }
      return answered;
    }));
  }
  int answered = 0;
  for (auto& client : clients) {
    answered += client.get();
  }
  BOOST_TEST(answered == 200);
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_refuses) {
  const AgentDouble agent;
  const auto answer = agent.hook_client()->hook(request_with("throw"));
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->verdict() == v1::HookResponse::VERDICT_REFUSE);
  BOOST_TEST(answer->message().find("a bug") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_client_that_gives_up_cancels_the_handler) {
  AgentDouble agent([](ServerOptions& options) { options.hook_deadline = 60s; });
  const auto answer = agent.hook_client(100ms)->hook(request_with(HandlersDouble::kHang));
  BOOST_REQUIRE(!answer);
  BOOST_TEST((answer.error().kind == CallError::Kind::timeout));
  BOOST_TEST(eventually([&] { return agent.handlers.hooks_cancelled == 1; }));
}

BOOST_AUTO_TEST_CASE(one_call_too_many_is_refused_and_the_next_is_not) {
  AgentDouble agent([](ServerOptions& options) { options.max_hook_calls = 1; });
  auto first = std::async(std::launch::async, [&] {
    return agent.hook_client(200ms)->hook(request_with(HandlersDouble::kHang));
  });
  BOOST_REQUIRE(eventually([&] { return agent.handlers.hooks_waiting == 1; }));
  const auto second = agent.hook_client()->hook(request_with("{}"));
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().kind == CallError::Kind::refused));
  BOOST_TEST(second.error().message.find("1 calls") != std::string::npos);
  BOOST_TEST(!first.get());
  BOOST_TEST(eventually([&] { return agent.hook_client()->hook(request_with("{}")).has_value(); }));
}

BOOST_AUTO_TEST_CASE(the_largest_state_fits_and_a_larger_one_is_refused) {
  const AgentDouble agent;
  BOOST_TEST(agent.hook_client()->hook(request_with(std::string(4U << 20, 's'))).has_value());
  const auto too_large = agent.hook_client()->hook(request_with(std::string(5U << 20, 's')));
  BOOST_REQUIRE(!too_large);
  BOOST_TEST((too_large.error().kind == CallError::Kind::refused));
}

BOOST_AUTO_TEST_CASE(admin_calls_answer_and_their_errors_say_what_kind) {
  const AgentDouble agent;
  const auto client = agent.admin_client();
  BOOST_TEST(client->status().value().version() == "1.2.3");
  BOOST_TEST(client->workloads().value().workloads_size() == 5000);
  v1::ExplainRequest question;
  question.set_operation("exec");
  question.set_object(std::string("/bin/\xfe", 6));
  BOOST_TEST(client->explain(question).value().verdict() == "deny");
  BOOST_TEST(client->explain(question).value().notes(0) == "6 bytes");
  question.set_operation("dance");
  BOOST_TEST((client->explain(question).error().kind == CallError::Kind::bad_input));
  BOOST_TEST((client->release("x").error().kind == CallError::Kind::refused));
  BOOST_TEST(client->release("x").error().message == "no workload x");
  BOOST_TEST((client->set_mode("audit").error().kind == CallError::Kind::refused));
}

BOOST_AUTO_TEST_CASE(ten_thousand_events_arrive_in_order) {
  AgentDouble agent;
  v1::StreamEventsRequest request;
  request.set_history(10000);
  std::uint32_t last = 0;
  bool in_order = true;
  const auto ended = agent.admin_client(60s)->events(request, [&](const v1::Event& event) {
    in_order = in_order && event.pid() == last + 1;
    last = event.pid();
    return true;
  });
  BOOST_TEST(ended.has_value());
  BOOST_TEST(last == 10000U);
  BOOST_TEST(in_order);
  BOOST_TEST(eventually([&] { return agent.handlers.subscriptions == 0; }));
}

BOOST_AUTO_TEST_CASE(a_reader_that_leaves_ends_its_subscription) {
  AgentDouble agent;
  v1::StreamEventsRequest request;
  request.set_history(3);
  request.set_follow(true);
  int seen = 0;
  const auto ended =
      agent.admin_client()->events(request, [&](const v1::Event&) { return ++seen < 3; });
  BOOST_TEST(ended.has_value());
  BOOST_TEST(seen == 3);
  BOOST_TEST(eventually([&] { return agent.handlers.subscriptions == 0; }));
}

BOOST_AUTO_TEST_CASE(stop_answers_the_calls_in_flight_in_time) {
  AgentDouble agent([](ServerOptions& options) { options.hook_deadline = 60s; });
  auto hook = std::async(std::launch::async, [&] {
    return agent.hook_client(30s)->hook(request_with(HandlersDouble::kHang));
  });
  auto stream = std::async(std::launch::async, [&] {
    v1::StreamEventsRequest request;
    request.set_follow(true);
    return agent.admin_client()->events(request, [](const v1::Event&) { return true; });
  });
  BOOST_REQUIRE(eventually(
      [&] { return agent.handlers.hooks_waiting == 1 && agent.handlers.subscriptions == 1; }));
  BOOST_TEST(agent.stop(1s).count() < 2000);
  const auto refused = hook.get();
  BOOST_REQUIRE(refused);
  BOOST_TEST(refused->verdict() == v1::HookResponse::VERDICT_REFUSE);
  BOOST_TEST(refused->message().find("stopping") != std::string::npos);
  const auto ended = stream.get();
  BOOST_REQUIRE(!ended);
  BOOST_TEST((ended.error().kind == CallError::Kind::unreachable));
  BOOST_TEST(agent.handlers.subscriptions == 0);
}

BOOST_AUTO_TEST_CASE(stop_without_calls_does_not_wait_for_its_grace) {
  AgentDouble agent;
  const auto client = agent.admin_client();
  BOOST_REQUIRE(client->status());
  BOOST_TEST(agent.stop(20s).count() < 5000);
}

BOOST_AUTO_TEST_CASE(stop_is_not_held_up_by_a_reader_that_does_not_read) {
  AgentDouble agent;
  v1::StreamEventsRequest request;
  request.set_history(1000000);  // more than the connection's windows hold
  request.set_follow(true);
  std::promise<void> go_on;
  std::promise<void> blocked;
  auto reader = std::async(std::launch::async, [&] {
    bool first = true;
    return agent.admin_client()->events(request, [&](const v1::Event&) {
      if (std::exchange(first, false)) {
        blocked.set_value();
        go_on.get_future().wait();
      }
      return true;
    });
  });
  blocked.get_future().wait();
  BOOST_TEST(agent.stop(500ms).count() < 2000);
  go_on.set_value();
  BOOST_TEST(!reader.get());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::api::test
