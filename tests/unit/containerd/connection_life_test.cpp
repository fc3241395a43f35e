// How the plugin comes to a runtime, loses it and finds it again.
#include "client_fixture.hpp"

namespace usher::nri::test {

BOOST_FIXTURE_TEST_SUITE(nri_connection_life, Life)

BOOST_AUTO_TEST_CASE(a_lost_runtime_is_told_and_registered_with_again) {
  serve();
  start();
  synchronized();
  runtime->hang_up();
  run_until([&] { return states.back() == State::lost; });
  BOOST_TEST(sentences.back().find("closed the NRI connection") != std::string::npos);
  synchronized();
  BOOST_TEST((states.back() == State::registered));
  BOOST_TEST(runtime->accepted == 2U);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_frames_end_the_connection) {
  serve();
  start();
  synchronized();
  runtime->send_raw(std::string(8, '\xff'));
  run_until([&] { return states.back() == State::lost; });
  synchronized();
}

BOOST_AUTO_TEST_CASE(a_socket_that_appears_is_found_at_once) {
  auto with = options();
  with.first_pause = with.longest_pause = std::chrono::hours(1);
  start(std::move(with));
  run_until([&] { return !states.empty(); });
  BOOST_TEST((states.back() == State::absent));
  serve();
  synchronized();
}

BOOST_AUTO_TEST_CASE(a_socket_that_is_made_anew_is_connected_to_anew) {
  serve();
  auto with = options();
  with.first_pause = with.longest_pause = std::chrono::hours(1);
  start(std::move(with));
  synchronized();
  FakeRuntime other(socket);
  run_until([&] { return !other.pump().registered.empty(); });
  BOOST_TEST(!runtime->connected());
  runtime->stop_listening();
}

BOOST_AUTO_TEST_CASE(a_runtime_that_we_refuse_hears_why) {
  serve();
  service.answer = fail("not this one");
  start();
  connect();
  const auto answer = ask("Configure", configure_message());
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("not this one") != std::string::npos);
  run_until([&] { return !runtime->connected() && !states.empty(); });  // we hang up
  BOOST_TEST((states.back() == State::refused));
  BOOST_TEST(sentences.back() == "not this one");
}

BOOST_AUTO_TEST_CASE(a_runtime_that_does_not_answer_the_registration_is_tried_again) {
  serve();
  runtime->answers_register = false;
  auto with = options();
  with.register_within = milliseconds(20);
  start(std::move(with));
  run_until([&] { return runtime->pump().registered.size() >= 2; });
  BOOST_TEST(sentences.at(0).find("within 20 ms") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_takes_us_and_tells_nothing_is_silent_and_not_left) {
  serve();
  auto with = options();
  with.list_within = milliseconds(20);
  start(std::move(with));
  connect();
  run_until([&] { return !states.empty(); });
  BOOST_TEST((states.back() == State::silent));
  BOOST_TEST(runtime->connected());
  BOOST_REQUIRE(ask("Configure", configure_message()).has_value());
  BOOST_REQUIRE(ask("Synchronize").has_value());
  BOOST_TEST((states.back() == State::registered));
  BOOST_TEST(runtime->accepted == 1U);
}

BOOST_AUTO_TEST_CASE(a_socket_is_found_at_once_whose_directory_is_made_with_it) {
  socket = (scratch.path() / "run" / "nri" / "nri.sock").string();
  auto with = options();
  with.first_pause = with.longest_pause = std::chrono::hours(1);
  start(std::move(with));
  run_until([&] { return !states.empty(); });
  std::filesystem::create_directories(scratch.path() / "run" / "nri");
  serve();
  synchronized();
}

BOOST_AUTO_TEST_CASE(a_socket_that_is_made_is_tried_as_if_it_were_the_first_time) {
  auto with = options();
  with.first_pause = milliseconds(20);
  with.longest_pause = std::chrono::hours(1);
  start(std::move(with));
  run_until([&] { return sentences.size() >= 8; });  // the next pause is 2 s and more
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  const Fd bound(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BOOST_REQUIRE(::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);  // nobody listens yet
  const auto made = std::chrono::steady_clock::now();
  run_until([&] { return sentences.size() >= 11; });
  BOOST_TEST((std::chrono::steady_clock::now() - made < milliseconds(1500)));
}

BOOST_AUTO_TEST_CASE(an_answer_that_the_peer_could_not_queue_ends_the_connection) {
  serve();
  service.reply = std::string(2U << 20, 'x');
  start();
  synchronized();
  runtime->ask("StateChange", start_container());
  run_until([&] { return states.back() == State::lost; });
}

BOOST_AUTO_TEST_CASE(two_instances_are_two_plugins) {
  serve();
  start();
  synchronized();
  Told second;
  Client other(host.loop(), options(), second);
  other.start();
  run_until([&] { return runtime->pump().registered.size() == 2; });
  bool stopped = false;
  other.stop([&] { stopped = true; });
  run_until([&] { return stopped; });
}

BOOST_AUTO_TEST_CASE(it_stops_in_the_middle_of_a_registration) {
  serve();
  runtime->answers_register = false;
  start();
  connect();
  bool stopped = false;
  client->stop([&] { stopped = true; });
  run_until([&] { return stopped; });
  client.reset();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::nri::test
