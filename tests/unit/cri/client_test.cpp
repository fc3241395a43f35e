// The channel and the client against a real gRPC server that answers as told.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <optional>

#include "cri_fixture.hpp"

namespace usher::cri {

using std::chrono::milliseconds;
using test::CriFixture;
using test::FakeServer;
using test::store;

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

}  // namespace usher::cri
