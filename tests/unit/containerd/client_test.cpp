// What the plugin serves once it is connected, against a runtime that does what the test says.
#include "client_fixture.hpp"

namespace usher::nri::test {

BOOST_FIXTURE_TEST_SUITE(nri_client, Life)

BOOST_AUTO_TEST_CASE(it_registers_with_its_name_and_serves_before_it_is_answered) {
  serve();
  runtime->answers_register = false;
  start();
  connect();
  BOOST_TEST(runtime->registered[0].method == "RegisterPlugin");
  BOOST_TEST(runtime->registered[0].payload == write_register("usher", "10"));
  const auto events = ask("Configure", configure_message());
  BOOST_REQUIRE(events.has_value());
  BOOST_TEST(*events == write_configured(0x7f));
  BOOST_TEST(service.configured.at(0).runtime_version == "2.1.9");
  runtime->answer_register();
  BOOST_TEST(ask("Synchronize").has_value());
  BOOST_TEST((states == std::vector{State::registered}));
}

BOOST_AUTO_TEST_CASE(a_process_that_is_connected_is_not_registered_yet) {
  serve();
  start();
  connect();
  BOOST_TEST(ask("Configure", configure_message()).has_value());
  BOOST_TEST(states.empty());
}

BOOST_AUTO_TEST_CASE(the_list_comes_in_parts_and_each_is_answered_as_it_asks) {
  serve();
  start();
  connect();
  BOOST_TEST(!ask("Synchronize").has_value());  // before Configure
  BOOST_TEST(service.parts.empty());
  BOOST_REQUIRE(ask("Configure", configure_message()).has_value());
  v1::SynchronizeRequest part;
  part.set_more(true);
  const auto more = ask("Synchronize", part.SerializeAsString());
  BOOST_REQUIRE(more.has_value());
  BOOST_TEST(*more == write_synchronized(true));
  BOOST_TEST(states.empty());
  const auto last = ask("Synchronize");
  BOOST_REQUIRE(last.has_value());
  BOOST_TEST(*last == "");
  BOOST_TEST(service.parts.size() == 2U);
  BOOST_TEST(!states.empty());
}

BOOST_AUTO_TEST_CASE(methods_and_services_that_it_does_not_know_are_unimplemented) {
  serve();
  start();
  synchronized();
  const auto method = ask("NotYetInvented");
  BOOST_REQUIRE(!method.has_value());
  BOOST_TEST(method.error().message.find("status 12") != std::string::npos);
  const auto service_of =
      answered(runtime->ask("Configure", configure_message(), "nri.pkg.api.v2.Plugin"));
  BOOST_REQUIRE(!service_of.has_value());
  BOOST_TEST(service_of.error().message.find("status 12") != std::string::npos);
  BOOST_TEST(ask("UpdateContainer").has_value());
}

BOOST_AUTO_TEST_CASE(events_come_by_state_change_and_by_their_own_method) {
  serve();
  start();
  synchronized();
  BOOST_TEST(ask("StateChange", start_container()).has_value());
  v1::StateChangeEvent event;
  event.ParseFromString(start_container());
  v1::PodAndContainer own;
  *own.mutable_pod() = event.pod();
  *own.mutable_container() = event.container();
  BOOST_TEST(ask("StartContainer", own.SerializeAsString()).has_value());
  BOOST_REQUIRE(service.notices.size() == 2U);
  for (const auto& notice : service.notices) {
    BOOST_TEST((notice.event == Event::start_container));
    BOOST_TEST(notice.container->id == "c1");
  }
}

BOOST_AUTO_TEST_CASE(a_request_in_small_frames_is_one_request_and_answers_fit_the_peer) {
  serve();
  runtime->frame_size = 7;
  service.reply = std::string(20'000, 'x');
  start();
  synchronized();
  const auto answer = ask("StateChange", start_container());
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->size() == 20'000U);
  BOOST_TEST(runtime->largest_frame <= 4096U);
}

BOOST_AUTO_TEST_CASE(what_is_not_decided_in_time_is_answered_with_an_error_and_counted) {
  serve();
  service.keep = true;
  auto with = options();
  with.answer_within = milliseconds(20);
  start(std::move(with));
  synchronized();
  const auto answer = ask("StateChange", start_container());
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("status 4") != std::string::npos);
  BOOST_TEST(answer.error().message.find("within 20 ms; see usherctl status") != std::string::npos);
  BOOST_TEST(host.logged.size() == 1U);
  service.kept.at(0).ok();  // reaches nobody
  service.keep = false;
  BOOST_TEST(ask("StateChange", start_container()).has_value());
}

BOOST_AUTO_TEST_CASE(a_runtime_with_less_patience_is_answered_sooner) {
  serve();
  service.keep = true;
  start();
  connect();
  BOOST_REQUIRE(ask("Configure", configure_message(60)).has_value());
  const auto begun = std::chrono::steady_clock::now();
  BOOST_TEST(!ask("StateChange", start_container()).has_value());
  BOOST_TEST((std::chrono::steady_clock::now() - begun < milliseconds(800)));
}

BOOST_AUTO_TEST_CASE(a_request_that_is_dropped_is_answered) {
  serve();
  service.keep = true;
  start();
  synchronized();
  const auto stream = runtime->ask("StateChange", start_container());
  run_until([&] { return !service.kept.empty(); });
  service.kept.clear();
  BOOST_TEST(!answered(stream).has_value());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_refused_with_the_reason) {
  serve();
  start();
  synchronized();
  const auto answer = ask("StateChange", "\xff\xff");
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("status 3") != std::string::npos);
  for (const std::uint32_t stream : {100U, 201U, 151U}) {  // even; fine; below the one before
    runtime->ask_on(stream, "StateChange", start_container());
    const auto strange = answered(stream);
    BOOST_TEST(strange.has_value() == (stream == 201));
  }
  BOOST_TEST(service.notices.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::nri::test
