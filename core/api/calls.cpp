#include "api/calls.hpp"

#include <fmt/format.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/escape.hpp"

namespace usher::api {

CallLimit::Slot CallLimit::take() {
  if (used_->fetch_add(1) >= limit_) {
    used_->fetch_sub(1);
    return nullptr;
  }
  // The counter outlives the limit: a handler may end after its server.
  return Slot(used_.get(), [used = used_](void*) { used->fetch_sub(1); });
}

grpc::Status CallLimit::refusal() const {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          fmt::format("the agent is answering {} calls on this socket already: try again", limit_)};
}

LiveCalls::Key LiveCalls::add(std::function<void()> end) {
  calls_.emplace(++next_, std::move(end));
  return next_;
}

void LiveCalls::end_all() {
  std::vector<std::function<void()>> ends;
  for (auto& [key, end] : calls_) {
    ends.push_back(end);  // copies: ending a call removes it from the map
  }
  for (auto& end : ends) {
    end();
  }
}

grpc::ServerUnaryReactor* PostedCall::start(asio::io_context& loop, CallLimit::Slot slot,
                                            Work work) {
  const std::shared_ptr<PostedCall> call(new PostedCall(loop, std::move(slot)));
  call->self_ = call;
  asio::post(loop, [call, work = std::move(work)] {
    try {
      call->Finish(work());
    } catch (...) {
      call->Finish({grpc::StatusCode::INTERNAL, describe(std::current_exception())});
    }
  });
  return call.get();
}

void PostedCall::OnDone() {
  asio::post(loop_, [self = std::move(self_)] {});
}

grpc::ServerUnaryReactor* HookCall::start(const HookCallContext& context, CallLimit::Slot slot,
                                          HookQuestion question) {
  const std::shared_ptr<HookCall> call(new HookCall(context, std::move(question)));
  call->self_ = call;
  asio::post(context.loop,
             [call, slot = std::move(slot)]() mutable { call->begin(std::move(slot)); });
  return call.get();
}

void HookCall::begin(CallLimit::Slot slot) {
  if (ended_) {
    return;
  }
  auto self = shared_from_this();
  live_ = context_.live.add(
      [self] { self->refuse("the agent is stopping: start the container again once it is back"); });
  timer_.expires_after(context_.deadline);
  timer_.async_wait([self](const asio::error_code& error) {
    if (!error) {
      self->refuse(
          fmt::format("the agent did not decide within {} ms: its log says what it waited "
                      "for",
                      self->context_.deadline.count()));
    }
  });
  asio::co_spawn(context_.loop, question_.ask(),
                 asio::bind_cancellation_slot(
                     cancel_.slot(), [self, slot = std::move(slot)](const std::exception_ptr& error,
                                                                    v1::HookResponse answer) {
                       self->answered(error, std::move(answer));
                     }));
}

void HookCall::answered(const std::exception_ptr& error, v1::HookResponse answer) {
  if (ended_) {
    return;
  }
  if (error) {
    refuse("the agent failed while deciding: " + describe(error));
    return;
  }
  end(question_.tell(std::move(answer)));
}

void HookCall::refuse(std::string reason) {
  if (ended_) {
    return;
  }
  v1::HookResponse response;
  response.set_verdict(v1::HookResponse::VERDICT_REFUSE);
  response.set_message(std::move(reason));
  end(question_.tell(std::move(response)));
  cancel_.emit(asio::cancellation_type::terminal);
}

void HookCall::end(const grpc::Status& status) {
  ended_ = true;
  timer_.cancel();
  if (live_) {
    context_.live.remove(*live_);
  }
  Finish(status);
}

void HookCall::OnCancel() {
  asio::post(context_.loop, [self = shared_from_this()] {
    if (!self->ended_) {
      self->end({grpc::StatusCode::CANCELLED, "the caller went away"});
      self->cancel_.emit(asio::cancellation_type::terminal);
    }
  });
}

void HookCall::OnDone() {
  asio::post(context_.loop, [self = std::move(self_)] {});
}

grpc::Status to_status(const Error& error) {
  switch (error.code) {
    case ENOENT:
      return {grpc::StatusCode::NOT_FOUND, error.message};
    case EINVAL:
      return {grpc::StatusCode::INVALID_ARGUMENT, error.message};
    default:
      return {grpc::StatusCode::FAILED_PRECONDITION, error.message};
  }
}

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return escape(e.what());
  } catch (...) {
    return "an exception that says nothing";
  }
}

}  // namespace usher::api
