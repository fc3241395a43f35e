// Stands for a runtime's side of NRI: a socket, the requests that a test sends, and the answers
// that came. It has no thread: it reads when it is asked what has come, within the loop's turns.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"

namespace usher::nri::test {

class FakeRuntime {
 public:
  explicit FakeRuntime(std::string socket) : socket_(std::move(socket)) { listen(); }
  FakeRuntime(const FakeRuntime&) = delete;
  FakeRuntime& operator=(const FakeRuntime&) = delete;
  ~FakeRuntime() { stop_listening(); }

  bool answers_register = true;
  std::size_t frame_size = kMaxFrame - kMuxHeader;  // payload of the frames that it sends
  std::vector<Request> registered;                  // of all connections
  std::size_t accepted = 0;

  void listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
    ::unlink(socket_.c_str());
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE(
        ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(::listen(listener_.get(), 8) == 0);
  }
  void stop_listening() {
    listener_.reset();
    ::unlink(socket_.c_str());
  }
  // Ends the connection, and forgets what it carried.
  void hang_up() {
    peer_.reset();
    begin();
  }

  // Takes a new connection where there is one, and all that has come.
  FakeRuntime& pump() {
    if (listener_) {
      Fd next(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (next) {
        peer_ = std::move(next);
        ++accepted;
        begin();
      }
    }
    std::array<char, 65536> buffer;  // NOLINT: filled by recv
    for (ssize_t n = 0; peer_ && (n = ::recv(peer_.get(), buffer.data(), buffer.size(), 0)) >= 0;) {
      if (n == 0) {
        peer_.reset();
        break;
      }
      take({buffer.data(), static_cast<std::size_t>(n)});
    }
    return *this;
  }
  bool connected() { return static_cast<bool>(pump().peer_); }

  // Asks the plugin; the stream to look for its answer under.
  std::uint32_t ask(const std::string& method, const std::string& payload,
                    const std::string& service = "nri.pkg.api.v1alpha1.Plugin") {
    const auto stream = next_;
    next_ += 2;
    ask_on(stream, method, payload, service);
    return stream;
  }
  void ask_on(std::uint32_t stream, const std::string& method, const std::string& payload,
              const std::string& service = "nri.pkg.api.v1alpha1.Plugin") {
    send(kPluginConnection,
         {stream, kRequest, 0, write_request({service, method, payload, std::chrono::seconds(2)})});
  }
  void answer_register() { send(kRuntimeConnection, {register_stream_, kResponse, 0, {}}); }
  void send_raw(std::string_view bytes) {
    BOOST_REQUIRE(::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(bytes.size()));
  }

  // The answer on a stream, or nothing yet.
  std::optional<Result<std::string>> answer(std::uint32_t stream) {
    pump();
    const auto at = answers_.find(stream);
    if (at == answers_.end()) {
      return std::nullopt;
    }
    return read_response(at->second);
  }
  std::size_t largest_frame = 0;

 private:
  void begin() {
    mux_ = {};
    plugin_ = {};
    runtime_ = {};
    answers_.clear();
    next_ = 1;
  }
  void send(std::uint32_t connection, const Frame& frame) {
    const auto message = ttrpc_message(frame);
    for (std::string_view left = message; !left.empty();) {
      const auto part = left.substr(0, frame_size);
      std::string out;
      for (const auto& whole : mux_frames(connection, part)) {
        out += whole;
      }
      send_raw(out);
      left.remove_prefix(part.size());
    }
  }
  void take(std::string_view bytes) {
    std::vector<Frame> answers;
    std::vector<Frame> calls;
    const auto fed =
        mux_.feed(bytes, [&](std::uint32_t connection, std::string_view part) -> Result<> {
          largest_frame = std::max(largest_frame, part.size() + kMuxHeader);
          return connection == kPluginConnection ? plugin_.feed(part, answers)
                                                 : runtime_.feed(part, calls);
        });
    BOOST_REQUIRE(fed.has_value());
    for (auto& frame : answers) {
      BOOST_TEST(!answers_.contains(frame.stream));  // once
      answers_[frame.stream] = std::move(frame.data);
    }
    for (auto& frame : calls) {
      registered.push_back(*read_request(frame.data));
      register_stream_ = frame.stream;
      if (answers_register) {
        answer_register();
      }
    }
  }

  std::string socket_;
  Fd listener_;
  Fd peer_;
  MuxReader mux_;
  TtrpcReader plugin_;
  TtrpcReader runtime_;
  std::map<std::uint32_t, std::string> answers_;
  std::uint32_t next_ = 1;
  std::uint32_t register_stream_ = 0;
};

}  // namespace usher::nri::test
