// From gRPC's callback threads to the agent's loop and back, for unary calls.
//
// A call is a reactor that holds itself alive until gRPC says OnDone. gRPC's threads only post to
// the loop; everything else, the one Finish() included, happens on the loop.
#pragma once

#include <grpcpp/grpcpp.h>

#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/handlers.hpp"

namespace usher::api {

// How many calls one socket answers at a time. Taken on gRPC's threads, given back anywhere.
class CallLimit {
 public:
  using Slot = std::shared_ptr<void>;

  explicit CallLimit(std::uint32_t limit)
      : limit_(limit), used_(std::make_shared<std::atomic<std::uint32_t>>(0)) {}
  // Empty when all are taken.
  Slot take();
  grpc::Status refusal() const;

 private:
  std::uint32_t limit_;
  std::shared_ptr<std::atomic<std::uint32_t>> used_;
};

// The calls that are being answered, each with what ends it early. Loop only.
class LiveCalls {
 public:
  using Key = std::uint64_t;
  Key add(std::function<void()> end);
  void remove(Key key) { calls_.erase(key); }
  void end_all();
  std::size_t size() const { return calls_.size(); }

 private:
  Key next_ = 0;
  std::map<Key, std::function<void()>> calls_;
};

// A call whose answer is one function call on the loop.
class PostedCall final : public grpc::ServerUnaryReactor {
 public:
  using Work = std::function<grpc::Status()>;  // writes the response; must not wait
  static grpc::ServerUnaryReactor* start(asio::io_context& loop, CallLimit::Slot slot, Work work);

 private:
  PostedCall(asio::io_context& loop, CallLimit::Slot slot) : loop_(loop), slot_(std::move(slot)) {}
  void OnDone() override;

  asio::io_context& loop_;
  CallLimit::Slot slot_;
  std::shared_ptr<PostedCall> self_;
};

struct HookCallContext {
  asio::io_context& loop;
  Handlers& handlers;
  LiveCalls& live;
  std::chrono::milliseconds deadline;
};

// What a gate's call asks of the handlers, and how its answer goes onto the wire. Both on the loop.
struct HookQuestion {
  std::function<asio::awaitable<v1::HookResponse>()> ask;  // called at most once
  std::function<grpc::Status(v1::HookResponse)> tell;      // once; writes gRPC's response
};

// A runtime's gate: the handler's coroutine, or a refusal that says why when the deadline passes
// or the agent stops first. The coroutine is cancelled then, and when the client goes away; the
// answer does not wait for it.
class HookCall final : public grpc::ServerUnaryReactor,
                       public std::enable_shared_from_this<HookCall> {
 public:
  static grpc::ServerUnaryReactor* start(const HookCallContext& context, CallLimit::Slot slot,
                                         HookQuestion question);

 private:
  HookCall(const HookCallContext& context, HookQuestion question)
      : context_(context), question_(std::move(question)), timer_(context.loop) {}
  void begin(CallLimit::Slot slot);
  void answered(const std::exception_ptr& error, v1::HookResponse answer);
  void refuse(std::string reason);
  void end(const grpc::Status& status);
  void OnCancel() override;
  void OnDone() override;

  HookCallContext context_;
  HookQuestion question_;
  asio::steady_timer timer_;
  asio::cancellation_signal cancel_;
  std::optional<LiveCalls::Key> live_;
  bool ended_ = false;
  std::shared_ptr<HookCall> self_;
};

// What went wrong, as gRPC says it: ENOENT not found, EINVAL invalid argument, else a failed
// precondition.
grpc::Status to_status(const Error& error);

// The message of an exception, for an answer that must name one.
std::string describe(const std::exception_ptr& error);

}  // namespace usher::api
