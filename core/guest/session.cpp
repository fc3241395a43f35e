#include "guest/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <random>

#include "base/file.hpp"

namespace usher::guest {

namespace {

constexpr std::uint32_t kProtocol = 1;
constexpr std::size_t kToken = 32;
constexpr std::size_t kProblems = 64;  // told of one set of policies
constexpr std::size_t kProblem = 512;
constexpr std::chrono::milliseconds kPauseOfClaims{100};  // a container waits: it is tried often

std::chrono::milliseconds jittered(std::chrono::milliseconds pause) {
  std::random_device device;  // a handful of calls: many guests begin at one moment
  std::uniform_int_distribution<std::int64_t> range(pause.count() / 2, pause.count());
  return std::chrono::milliseconds(range(device));
}

std::string first_line(const std::string& text) {
  return text.substr(0, std::min(text.size(), kProblem));
}

}  // namespace

Session::Session(asio::io_context& loop, SessionParts parts)
    : loop_(loop),
      p_(std::move(parts)),
      claims_(loop),
      pause_(loop),
      outgoing_(loop, asio::steady_timer::time_point::max()),
      problem_("it was not tried yet") {}

void Session::start() {
  std::error_code missing;
  if (std::filesystem::exists(p_.token_file, missing)) {
    auto kept = read_file(p_.token_file, kToken);
    if (kept && kept->size() == kToken) {
      token_ = std::move(*kept);
      token_is_kept_ = true;
    } else {
      p_.log(true,
             fmt::format("the session's token in {} cannot be used: {}", p_.token_file.string(),
                         kept ? "it has not 32 bytes" : kept.error().message));
    }
  }
  asio::co_spawn(loop_, live(shared_from_this()), asio::detached);
}

void Session::stop() {
  stopping_ = true;
  if (stream_) {
    stream_->close();
  }
  pause_.cancel();
  outgoing_.cancel();
  claims_.refuse_all({"the agent in the guest is stopping", ECANCELED});
}

asio::awaitable<void> Session::live(std::shared_ptr<Session> self) {
  auto length = p_.timing.first_pause;
  while (!stopping_) {
    const auto stream = std::make_shared<Stream>(loop_);
    stream_ = stream;
    outbox_.forget_urgent();
    parts_ = {};
    const auto begun = co_await begin(*stream);
    Error end;
    if (begun && !stopping_) {
      length = p_.timing.first_pause;
      asio::co_spawn(loop_, write_all(self, stream), asio::detached);
      opened();
      end = co_await serve(*stream);
    } else if (!begun) {
      end = begun.error();
    }
    stream->close();
    outgoing_.cancel();
    if (!stopping_) {
      broke_off(end);
      co_await pause(jittered(claims_.any() ? std::min(length, kPauseOfClaims) : length));
      length = std::min(length * 2, p_.timing.longest_pause);
    }
  }
}

asio::awaitable<Result<>> Session::begin(Stream& stream) {
  if (auto connected = co_await stream.connect(p_.relay, p_.timing.connect); !connected) {
    co_return connected;
  }
  v1::FromGuest message;
  auto& hello = *message.mutable_hello();
  hello.set_protocol(kProtocol);
  hello.set_token(token_);
  hello.set_version(USHER_VERSION);
  hello.set_kernel(p_.greeting.kernel);
  hello.set_backend(p_.greeting.backend);
  hello.set_enforces(p_.greeting.enforces);
  hello.set_trouble(p_.greeting.trouble);
  auto frame = to_frame(message);
  if (!frame) {
    co_return std::unexpected(frame.error());
  }
  if (auto sent = co_await stream.write(std::move(*frame), p_.timing.write); !sent) {
    co_return sent;
  }
  auto answer = co_await stream.read(p_.timing.answer);
  if (!answer) {
    co_return fail_in(
        "the session was not opened (the host's events say why, where its relay refused it)",
        answer.error());
  }
  if (!answer->has_welcome() || answer->welcome().protocol() != kProtocol ||
      answer->welcome().token().size() != kToken) {
    co_return fail("the relay did not welcome this guest in a protocol that it knows", EPROTO);
  }
  if (auto kept = keep_token(answer->welcome().token()); !kept) {
    co_return kept;
  }
  for (;;) {
    const auto next = co_await stream.read(p_.timing.answer);
    if (!next) {
      co_return fail_in("the host's policies did not come", next.error());
    }
    if (!next->has_policies()) {
      co_return fail("the relay sent something else than the policies at first", EPROTO);
    }
    const auto whole = stopping_ ? Result<bool>(true) : take(next->policies());
    if (!whole) {
      co_return std::unexpected(whole.error());
    }
    if (*whole) {
      co_return Result<>{};
    }
  }
}

asio::awaitable<Error> Session::serve(Stream& stream) {
  for (;;) {
    const auto next = co_await stream.read(std::chrono::milliseconds(0));
    if (stopping_) {
      co_return Error{"the agent is stopping", ECANCELED};
    }
    if (!next) {
      co_return next.error();
    }
    if (next->has_verdict()) {
      const auto& verdict = next->verdict();
      if (auto answered = claims_.answer(verdict, generation_, missing_); !answered) {
        p_.log(false, answered.error().message);
        if (verdict.word() == v1::Verdict::WORD_GO) {  // its hook has ended it by now
          report(verdict.container_id(), v1::Report::STAGE_ENDED);
        }
      }
    } else if (next->has_policies()) {
      if (auto taken = take(next->policies()); !taken) {
        co_return taken.error();
      }
    } else {
      co_return Error{"the relay welcomed this guest a second time in one session", EPROTO};
    }
  }
}

asio::awaitable<void> Session::write_all(std::shared_ptr<Session> self,
                                         std::shared_ptr<Stream> stream) {
  while (!stream->closed()) {
    auto frame = outbox_.take();
    if (frame) {
      if (auto sent = co_await stream->write(std::move(*frame), p_.timing.write); !sent) {
        stream->close();
      }
      continue;
    }
    outgoing_.expires_at(asio::steady_timer::time_point::max());
    std::error_code woken;
    co_await outgoing_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

asio::awaitable<void> Session::pause(std::chrono::milliseconds length) {
  pause_.expires_after(length);
  std::error_code woken;
  co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

Result<bool> Session::take(const v1::Policies& frame) {
  auto whole = parts_.add(frame);
  if (!whole) {
    return std::unexpected(whole.error());
  }
  if (!*whole) {
    return false;
  }
  const auto& set = **whole;
  generation_ = set.generation;
  if (generation_ == 0) {
    return true;
  }
  Applied applied;
  if (set.problem.empty()) {
    applied = p_.apply(set);
  } else {
    applied = {{set.problem}, set.problem};
  }
  missing_ = applied.missing;
  v1::FromGuest message;
  auto& words = *message.mutable_applied();
  words.set_generation(set.generation);
  for (const auto& problem : applied.problems) {
    if (words.problems_size() == kProblems) {
      break;
    }
    words.add_problems(first_line(problem));
  }
  send(message);
  return true;
}

Result<> Session::keep_token(const std::string& token) {
  if (token == token_ && token_is_kept_) {
    return {};
  }
  // The relay knows it from now on, also where it cannot be kept: the next try says it.
  token_ = token;
  token_is_kept_ = false;
  if (auto written = write_file(p_.token_file, token, 0600, false); !written) {
    return fail_in(
        "the session's token cannot be kept, without which no later agent could take "
        "the session up",
        written.error());
  }
  token_is_kept_ = true;
  return {};
}

void Session::opened() {
  open_ = true;
  problem_.clear();
  p_.log(false, fmt::format("the session with the relay at {} is open; policies of generation {}",
                            p_.relay.text, generation_));
  claims_.each_unasked([this](PendingClaim& claim) { ask(claim); });
  if (auto call = std::exchange(when_open_, nullptr)) {
    call();
  }
}

void Session::broke_off(const Error& why) {
  claims_.lost();
  if (open_ || problem_ != why.message) {
    p_.log(true, fmt::format("no session with the relay at {}: {}", p_.relay.text, why.message));
  }
  open_ = false;
  problem_ = why.message;
}

}  // namespace usher::guest
