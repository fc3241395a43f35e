// The plugin's life, against a runtime that does what the test says.
#include <boost/test/unit_test.hpp>
#include <optional>

#include "containerd/nri/answers.hpp"
#include "containerd/nri/client.hpp"
#include "fake_runtime.hpp"
#include "lab/loop_host.hpp"
#include "nri/nri.pb.h"
#include "scratch.hpp"

namespace usher::nri::test {
namespace {

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

}  // namespace

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
  BOOST_TEST(client->late() == 1U);
  BOOST_TEST(host.logged.size() == 1U);
  BOOST_TEST(!service.kept.at(0).wanted());
  service.kept[0].ok();  // reaches nobody
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
