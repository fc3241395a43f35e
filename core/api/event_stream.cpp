#include "api/event_stream.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

namespace usher::api {
namespace {

const char* const kStopping = "the agent is stopping";

}  // namespace

grpc::ServerWriteReactor<v1::Event>* EventStream::start(const StreamContext& context,
                                                        CallLimit::Slot slot,
                                                        const v1::StreamEventsRequest& request) {
  const std::shared_ptr<EventStream> stream(new EventStream(context));
  stream->self_ = stream;
  asio::post(context.loop, [stream, slot = std::move(slot), request]() mutable {
    stream->begin(std::move(slot), std::move(request));
  });
  return stream.get();
}

void EventStream::begin(CallLimit::Slot slot, v1::StreamEventsRequest request) {
  if (ended_) {
    return;
  }
  auto self = shared_from_this();
  live_ = context_.live.add([self] { self->stop(); });
  asio::co_spawn(context_.loop, run(std::move(request)),
                 asio::bind_cancellation_slot(
                     cancel_.slot(), [self, slot = std::move(slot)](const std::exception_ptr& error,
                                                                    grpc::Status status) {
                       if (self->stopping_) {
                         status = {grpc::StatusCode::UNAVAILABLE, kStopping};
                       } else if (error) {
                         status = {grpc::StatusCode::INTERNAL, describe(error)};
                       }
                       self->end(status);
                     }));
}

asio::awaitable<grpc::Status> EventStream::run(v1::StreamEventsRequest request) {
  const auto subscription = context_.handlers.subscribe(request.history(), request.follow());
  while (true) {
    auto event = co_await subscription->next();
    if (!event) {
      // Without `follow` this is how a subscription says that the history has been told.
      co_return request.follow()
          ? grpc::Status(grpc::StatusCode::UNAVAILABLE, event.error().message)
          : grpc::Status::OK;
    }
    if (!co_await write(std::move(*event))) {
      co_return grpc::Status(grpc::StatusCode::CANCELLED, "the caller went away");
    }
  }
}

asio::awaitable<bool> EventStream::write(v1::Event event) {
  event_ = std::move(event);
  writing_ = true;
  written_.expires_at(asio::steady_timer::time_point::max());
  StartWrite(&event_);
  while (writing_) {
    asio::error_code woken;
    co_await written_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  co_return write_ok_;
}

void EventStream::end(const grpc::Status& status) {
  if (ended_) {
    return;
  }
  ended_ = true;
  if (live_) {
    context_.live.remove(*live_);
  }
  if (writing_) {
    status_ = status;
  } else {
    Finish(status);
  }
}

void EventStream::stop() {
  stopping_ = true;
  cancel_.emit(asio::cancellation_type::terminal);
}

void EventStream::OnWriteDone(bool ok) {
  asio::post(context_.loop, [self = shared_from_this(), ok] {
    self->writing_ = false;
    self->write_ok_ = ok;
    self->written_.cancel();
    if (self->status_) {
      self->Finish(*self->status_);
    }
  });
}

void EventStream::OnCancel() {
  asio::post(context_.loop, [self = shared_from_this()] {
    if (self->live_) {
      self->cancel_.emit(asio::cancellation_type::terminal);
    } else {
      self->end({grpc::StatusCode::CANCELLED, "the caller went away"});
    }
  });
}

void EventStream::OnDone() {
  asio::post(context_.loop, [self = std::move(self_)] {});
}

}  // namespace usher::api
