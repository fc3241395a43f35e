// What the agent says in its session: claims, hints, events.
#include <fmt/format.h>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "guest/session.hpp"

namespace usher::guest {

void Session::send(const v1::FromGuest& message) {
  if (auto frame = to_frame(message)) {
    outbox_.urgent(std::move(*frame));
    outgoing_.cancel();
  } else {
    p_.log(true, frame.error().message);
  }
}

void Session::ask(PendingClaim& claim) {
  if (auto message = claims_.ask(claim)) {
    send(*message);
  } else {
    claim.answer = std::unexpected(message.error());
    claim.done.cancel();
  }
}

asio::awaitable<Result<Granted>> Session::claim(std::string container_id,
                                                std::chrono::milliseconds deadline) {
  const auto held = shared_from_this();
  if (stopping_) {
    co_return fail("the agent in the guest is stopping", ECANCELED);
  }
  if (container_id.empty() || container_id.size() > 255) {
    co_return fail("a container's id has 1 to 255 bytes");
  }
  auto added = claims_.add(std::move(container_id), Claims::Clock::now() + deadline);
  if (!added) {
    co_return std::unexpected(added.error());
  }
  const auto claim = *added;
  if (open_) {
    ask(*claim);
  } else {
    pause_.cancel();  // the next try is now
  }
  std::error_code woken;
  // What is answered already has no timer that a wait could be woken by.
  if (!claim->answer) {
    co_await claim->done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  claims_.forget(*claim);
  if (claim->answer) {
    co_return std::move(*claim->answer);
  }
  if (woken) {
    co_return fail("the question was cancelled", ECANCELED);
  }
  co_return fail(
      open_ ? fmt::format("the host gave no verdict within {} ms", deadline.count())
            : fmt::format("there is no session with the host's relay at {} ({}): see that usherd "
                          "runs on the host with its adapter kata, then start the container again",
                          p_.relay.text, problem_),
      ETIMEDOUT);
}

void Session::report(std::string_view container_id, v1::Report::Stage stage) {
  v1::FromGuest message;
  message.mutable_report()->set_container_id(std::string(container_id));
  message.mutable_report()->set_stage(stage);
  if (auto frame = to_frame(message)) {
    outbox_.tell(std::move(*frame));
    outgoing_.cancel();
  }
}

bool Session::tell(std::string event) {
  if (event.size() > kEvent) {
    return false;
  }
  v1::FromGuest message;
  message.mutable_told()->set_event(std::move(event));
  const auto frame = to_frame(message);
  const bool taken = frame && outbox_.tell(*frame);
  outgoing_.cancel();
  return taken;
}

}  // namespace usher::guest
