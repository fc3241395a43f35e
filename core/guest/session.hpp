// The guest's session with the relay on its host: opened once, taken up again with its token when
// it breaks off, for as long as the agent runs. Claims wait for it, within their deadline.
// Everything on the loop.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "guest/claims.hpp"
#include "guest/outbox.hpp"
#include "guest/policy_parts.hpp"
#include "guest/relay_address.hpp"
#include "guest/stream.hpp"

namespace usher::guest {

// What the guest says of itself when a session begins.
struct Greeting {
  std::string kernel;
  std::string backend;         // lsm, tracepoint, none
  std::uint32_t enforces = 0;  // USHER_GUEST_ENFORCES_
  std::string trouble;
};

// What came of a set of policies.
struct Applied {
  std::vector<std::string> problems;  // for the host
  std::string missing;                // not empty: not every policy of the set is in force, and why
};

struct SessionTiming {
  std::chrono::milliseconds connect{1000};
  std::chrono::milliseconds answer{10'000};  // Welcome, each frame of the first policies
  std::chrono::milliseconds write{5000};
  std::chrono::milliseconds first_pause{50};  // between two tries; doubled, and jittered
  std::chrono::milliseconds longest_pause{2000};
};

struct SessionParts {
  RelayAddress relay;
  std::filesystem::path token_file;
  Greeting greeting;
  // Puts a set of policies in force in place of the one before. Does not wait.
  std::function<Applied(const PolicySet&)> apply;
  std::function<void(bool problem, const std::string&)> log;
  SessionTiming timing = {};
};

// Owned by shared_ptr, which its coroutines hold: stop() it.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::io_context& loop, SessionParts parts);

  void start();
  // Claims that wait are refused; nothing is called any more.
  void stop();

  asio::awaitable<Result<Granted>> claim(std::string container_id,
                                         std::chrono::milliseconds deadline);
  void report(std::string_view container_id, v1::Report::Stage stage);
  // A serialized usher.v1.Event, at most kEvent bytes; false where it was dropped.
  bool tell(std::string event);

  // Calls once, when the first session is open and its policies are in force.
  void when_open(std::function<void()> call) { when_open_ = std::move(call); }
  bool open() const { return open_; }
  const std::string& problem() const { return problem_; }  // why it is not open
  std::uint64_t generation() const { return generation_; }
  std::uint64_t dropped() const { return outbox_.dropped(); }

  static constexpr std::size_t kEvent = 60U << 10;

 private:
  asio::awaitable<void> live(std::shared_ptr<Session> self);
  asio::awaitable<Result<>> begin(Stream& stream);
  asio::awaitable<Error> serve(Stream& stream);
  asio::awaitable<void> write_all(std::shared_ptr<Session> self, std::shared_ptr<Stream> stream);
  asio::awaitable<void> pause(std::chrono::milliseconds length);
  Result<bool> take(const v1::Policies& frame);
  Result<> keep_token(const std::string& token);
  void opened();
  void broke_off(const Error& why);
  void send(const v1::FromGuest& message);
  void ask(PendingClaim& claim);

  asio::io_context& loop_;
  SessionParts p_;
  Claims claims_;
  Outbox outbox_;
  PolicyParts parts_;
  std::shared_ptr<Stream> stream_;
  asio::steady_timer pause_;     // between two tries
  asio::steady_timer outgoing_;  // cancelled when there is something to send
  std::function<void()> when_open_;
  std::string token_;
  bool token_is_kept_ = false;  // in its file
  std::string problem_;
  std::string missing_;  // Applied::missing of the policies in force
  std::uint64_t generation_ = 0;
  bool open_ = false;
  bool stopping_ = false;
};

}  // namespace usher::guest
