#include "hook/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "hook/session.hpp"
#include "hook/wire.hpp"

using namespace usher::hook;
using std::chrono::milliseconds;
using Kind = Outcome::Kind;

namespace {

// HTTP/2 frames of a server, written out (RFC 9113, 7541): no part of the client's own library.
std::string frame(char type, char flags, char stream, const std::string& payload) {
  std::string out(3, '\0');
  out[1] = static_cast<char>(payload.size() >> 8 & 0xffU);
  out[2] = static_cast<char>(payload.size() & 0xffU);
  return out + type + flags + std::string(3, '\0') + stream + payload;
}

std::string field(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

const std::string kSettings = frame(4, 0, 0, "");
const std::string kStatus200 = "\x88";
constexpr char kEndHeaders = 4;
constexpr char kEndStream = 1;

std::string answer(const std::string& message) {
  return kSettings + frame(1, kEndHeaders, 1, kStatus200) + frame(0, 0, 1, message) +
         frame(1, kEndHeaders | kEndStream, 1, field("grpc-status", "0"));
}

std::string status_only(const std::string& status, const std::string& message) {
  return kSettings +
         frame(1, kEndHeaders | kEndStream, 1,
               kStatus200 + field("grpc-status", status) + field("grpc-message", message));
}

const std::string kGo = std::string("\0\0\0\0\x02\x08\x01", 7);
const std::string kRefuse = std::string("\0\0\0\0\x06\x08\x02\x12\x02no", 11);

// What a session makes of a server that says `bytes`.
Outcome after(const std::string& bytes) {
  const std::string request = encode_request(Stage::create_runtime, "x", "{}", "1");
  Session session(request, milliseconds(100));
  std::string out;
  BOOST_REQUIRE(session.collect(out));
  BOOST_REQUIRE(session.request_sent());
  BOOST_REQUIRE(session.receive(bytes));
  BOOST_REQUIRE(session.ended());
  return session.outcome();
}

// A unix socket whose connections are given to `serve`, one after the other.
class Listener {
 public:
  explicit Listener(std::function<void(int)> serve) : serve_(std::move(serve)) {
    std::string name = "/tmp/usher-client-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    path = directory_ + "/s";
  }
  ~Listener() {
    if (thread_.joinable()) {
      thread_.request_stop();
      ::shutdown(fd_.get(), SHUT_RDWR);
      thread_.join();
    }
    std::filesystem::remove_all(directory_);
  }

  void listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    fd_ = usher::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
                  0);
    BOOST_REQUIRE(::listen(fd_.get(), 8) == 0);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const usher::Fd peer(::accept(fd_.get(), nullptr, nullptr));
        if (peer) {
          ++accepted;
          serve_(peer.get());
        }
      }
    });
  }

  std::string path;
  std::atomic<int> accepted = 0;

 private:
  std::string directory_;
  std::function<void(int)> serve_;
  usher::Fd fd_;
  std::jthread thread_;
};

void until_closed(int peer) {
  std::array<char, 4096> buffer;
  while (::recv(peer, buffer.data(), buffer.size(), 0) > 0) {
  }
}

void say(int peer, const std::string& bytes) {
  BOOST_TEST(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(bytes.size()));
  until_closed(peer);
}

Outcome ask(const std::string& path, milliseconds allowed, std::size_t state = 10) {
  const std::string request =
      encode_request(Stage::create_runtime, "x", std::string(state, 's'), "1");
  return call(path, request, Deadline(allowed));
}

constexpr milliseconds kPlenty{60000};

}  // namespace

BOOST_AUTO_TEST_CASE(the_request_goes_out_in_one_piece_before_the_server_speaks) {
  const std::string request = encode_request(Stage::create_runtime, "x", "{\"id\":1}", "1");
  Session session(request, milliseconds(1234));
  std::string out;
  BOOST_REQUIRE(session.collect(out));
  BOOST_TEST(out.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  BOOST_TEST(out.find(request) != std::string::npos);
  BOOST_TEST(session.request_sent());
  BOOST_TEST(!session.ended());
}

BOOST_AUTO_TEST_CASE(only_a_go_with_status_ok_is_a_go) {
  BOOST_TEST((after(answer(kGo)).kind == Kind::go));
  BOOST_TEST((after(answer(kRefuse)).kind == Kind::refused));
  BOOST_TEST(after(answer(kRefuse)).message == "no");
  for (const std::string& body :
       {std::string(), std::string("\0\0\0\0\0", 5), std::string("\0\0\0\0\x02\x08\x07", 7),
        std::string("\0\0\0\0\x02\x08\x02", 7), kGo + kGo, kGo.substr(0, 6)}) {
    const auto outcome = after(answer(body));
    BOOST_TEST((outcome.kind == Kind::refused));
    BOOST_TEST(outcome.message != "");
  }
  // A verdict whose call then failed is none.
  const auto broken = after(kSettings + frame(1, kEndHeaders, 1, kStatus200) + frame(0, 0, 1, kGo) +
                            frame(1, kEndHeaders | kEndStream, 1, field("grpc-status", "13")));
  BOOST_TEST((broken.kind == Kind::refused));
  // Neither is one without a status behind it.
  const auto cut =
      after(kSettings + frame(1, kEndHeaders, 1, kStatus200) + frame(0, kEndStream, 1, kGo));
  BOOST_TEST((cut.kind == Kind::unavailable));
}

BOOST_AUTO_TEST_CASE(grpc_status_codes_are_told_apart) {
  BOOST_TEST((after(status_only("14", "loading")).kind == Kind::unavailable));
  BOOST_TEST((after(status_only("1", "")).kind == Kind::unavailable));
  BOOST_TEST((after(status_only("4", "")).kind == Kind::late));
  const auto refused = after(status_only("13", "100%25%0afull"));
  BOOST_TEST((refused.kind == Kind::refused));
  BOOST_TEST(refused.message == "100%\nfull");
  BOOST_TEST(after(status_only("12", "")).message == "gRPC status 12");
}

BOOST_AUTO_TEST_CASE(an_answer_of_endless_length_is_no_verdict) {
  std::string bytes = kSettings + frame(1, kEndHeaders, 1, kStatus200);
  for (std::size_t sent = 0; sent <= kMaxAnswer - 5000; sent += 16000) {
    bytes += frame(0, 0, 1, std::string(16000, '\0'));
  }
  bytes += frame(1, kEndHeaders | kEndStream, 1, field("grpc-status", "0"));
  BOOST_TEST((after(bytes).kind == Kind::refused));
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_reset_is_asked_again) {
  BOOST_TEST(
      (after(kSettings + frame(3, 0, 1, std::string("\0\0\0\x07", 4))).kind == Kind::unavailable));
}

BOOST_AUTO_TEST_CASE(another_http_server_is_not_taken_for_an_agent) {
  const auto outcome = after(kSettings + frame(1, kEndHeaders | kEndStream, 1, "\x8d"));  // 404
  BOOST_TEST((outcome.kind == Kind::failed));
  BOOST_TEST(outcome.message.find("404") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_socket_is_waited_for_until_the_deadline) {
  const Listener listener(until_closed);
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = ask(listener.path, milliseconds(100));
  BOOST_TEST((outcome.kind == Kind::unavailable));
  BOOST_TEST(outcome.message.find("No such file") != std::string::npos);
  BOOST_TEST((std::chrono::steady_clock::now() - start >= milliseconds(100)));
}

BOOST_AUTO_TEST_CASE(an_agent_that_comes_late_is_found) {
  Listener listener([](int peer) { say(peer, answer(kGo)); });
  Outcome outcome;
  std::jthread hook([&] { outcome = ask(listener.path, kPlenty); });
  listener.listen();
  hook.join();
  BOOST_TEST((outcome.kind == Kind::go));
}

BOOST_AUTO_TEST_CASE(an_agent_that_goes_away_before_its_answer_is_asked_again) {
  std::atomic<int> call = 0;
  Listener listener([&](int peer) {
    if (++call == 3) {
      say(peer, answer(kGo));
    }
  });
  listener.listen();
  BOOST_TEST((ask(listener.path, kPlenty).kind == Kind::go));
  BOOST_TEST(listener.accepted == 3);
}

BOOST_AUTO_TEST_CASE(an_agent_that_never_answers_meets_the_deadline) {
  Listener listener(until_closed);
  listener.listen();
  BOOST_TEST((ask(listener.path, milliseconds(150)).kind == Kind::late));
  BOOST_TEST(listener.accepted == 1);
}

BOOST_AUTO_TEST_CASE(a_state_larger_than_the_servers_window_waits_for_it_until_the_deadline) {
  // 65,535 bytes is HTTP/2's first window; this server grants no more.
  Listener listener(until_closed);
  listener.listen();
  BOOST_TEST((ask(listener.path, milliseconds(150), 1U << 20).kind == Kind::late));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_http2_fail_at_once) {
  Listener listener(
      [](int peer) { say(peer, "SSH-2.0-not-an-agent\r\nand then some more text\r\n"); });
  listener.listen();
  const auto outcome = ask(listener.path, kPlenty);
  BOOST_TEST((outcome.kind == Kind::failed));
  BOOST_TEST(outcome.message.find("HTTP/2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_socket_that_may_never_be_used_fails_at_once) {
  BOOST_TEST((ask("/dev/null/hook.sock", kPlenty).kind == Kind::failed));
}
