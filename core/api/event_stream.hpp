// StreamEvents: a subscription's events, one message in flight.
#pragma once

#include <grpcpp/grpcpp.h>

#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "api/calls.hpp"

namespace usher::api {

struct StreamContext {
  asio::io_context& loop;
  Handlers& handlers;
  LiveCalls& live;
};

// Like HookCall: gRPC's threads only post. The subscription lives on the loop, in the coroutine.
class EventStream final : public grpc::ServerWriteReactor<v1::Event>,
                          public std::enable_shared_from_this<EventStream> {
 public:
  static grpc::ServerWriteReactor<v1::Event>* start(const StreamContext& context,
                                                    CallLimit::Slot slot,
                                                    const v1::StreamEventsRequest& request);

 private:
  explicit EventStream(const StreamContext& context) : context_(context), written_(context.loop) {}
  asio::awaitable<grpc::Status> run(v1::StreamEventsRequest request);
  asio::awaitable<bool> write(v1::Event event);
  void begin(CallLimit::Slot slot, v1::StreamEventsRequest request);
  void end(const grpc::Status& status);
  void stop();
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  StreamContext context_;
  v1::Event event_;             // the message in flight, gRPC's until OnWriteDone
  asio::steady_timer written_;  // never expires; cancelled when the message was written
  bool writing_ = false;
  bool write_ok_ = true;
  bool stopping_ = false;
  bool ended_ = false;
  // Set when the call ended while a message was in flight: it is finished when that is through.
  std::optional<grpc::Status> status_;
  asio::cancellation_signal cancel_;
  std::optional<LiveCalls::Key> live_;
  std::shared_ptr<EventStream> self_;
};

}  // namespace usher::api
