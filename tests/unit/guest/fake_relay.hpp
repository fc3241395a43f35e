// Stands for the relay on the host, with the host's core behind it: speaks
// proto/usher/guest/v1/relay.proto over a unix socket as kata.so does towards one guest, and
// answers as it is told. It checks nothing of who connects. On one loop.
#pragma once

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "usher/guest/v1/relay.pb.h"

namespace usher::guest::test {

class FakeRelay {
 public:
  FakeRelay(asio::io_context& loop, std::filesystem::path socket);
  ~FakeRelay();
  FakeRelay(const FakeRelay&) = delete;
  FakeRelay& operator=(const FakeRelay&) = delete;

  // -- how it behaves
  std::string token = std::string(32, 't');
  std::map<std::string, std::string> policies;  // by name; sent after a welcome
  std::uint64_t generation = 1;
  std::size_t chunk = 60'000;  // bytes of a text in one frame
  bool welcomes = true;        // false: a session is ended unanswered
  bool resumes = true;         // false: a token other than an empty one is refused
  // The answer to a claim; none: it is left unanswered.
  std::function<std::optional<v1::Verdict>(const v1::Claim&)> verdict;

  // -- what it has heard
  std::vector<v1::Hello> hellos;
  std::vector<v1::Claim> claims;
  std::vector<v1::Applied> applied;
  std::vector<v1::Report> reports;
  std::vector<std::string> told;
  std::function<void(const v1::FromGuest&)> heard;  // after it was noted

  void listen();    // anew, after unlisten()
  void unlisten();  // nobody can connect
  void drop();      // ends the connection
  bool connected() const { return connection_ != nullptr; }
  void send(const v1::FromHost& message);
  void send_raw(std::string bytes);
  void send_policies();
  // GO for a claim, as the host that knows the container.
  v1::Verdict go(const v1::Claim& claim) const;

 private:
  struct Connection;
  void accept();
  void read(const std::shared_ptr<Connection>& from);
  void take(const std::shared_ptr<Connection>& from, const v1::FromGuest& message);
  void write(const std::shared_ptr<Connection>& to);

  asio::io_context& loop_;
  std::filesystem::path socket_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

std::string frame_of(const std::string& body);

}  // namespace usher::guest::test
