#include "kata/guest.hpp"

#include <algorithm>
#include <utility>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kWarnWindow{10};
constexpr unsigned kWarnsInWindow = 5;

}  // namespace

Guest::Guest(Desk& desk, std::string name, bool is_short)
    : desk_(desk),
      name_(std::move(name)),
      id_(is_short ? "" : name_),
      connects_(3 * desk.limits.connections_per_second, desk.limits.connections_per_second),
      claims_(desk.limits.claims_per_minute / 2, desk.limits.claims_per_minute / 60),
      frames_(2 * desk.limits.frames_per_second, desk.limits.frames_per_second),
      bytes_(2 * desk.limits.bytes_per_second, desk.limits.bytes_per_second) {
  known_ = desk_.memory.of(name_);
  if (!known_.token.empty()) {
    session_.emplace();
    session_->hello.set_backend(known_.backend);
    session_->hello.set_enforces(known_.enforces);
    tell_session();
  }
}

void Guest::is(const std::string& sandbox_id) {
  if (id_.empty()) {
    id_ = sandbox_id;
    tell_session();
  }
}

void Guest::connected(Fd fd) {
  const auto now = Clock::now();
  if (links_.size() >= desk_.limits.connections) {
    return warn("guest-limit", "",
                "a connection was closed: there are " + std::to_string(links_.size()) +
                    " of this sandbox already");
  }
  if (!connects_.take(1, now)) {
    return warn("guest-limit", "", "a connection was closed: too many came in a short time");
  }
  const auto number = ++last_;
  const auto self = weak_from_this();
  auto stream = Stream::open(desk_.loop, std::move(fd),
                             {.frame = [self, number](std::string_view message) -> Result<> {
                                const auto guest = self.lock();
                                return guest ? guest->heard(number, message) : Result<>{};
                              },
                              .ended =
                                  [self, number](const Error& why) {
                                    if (const auto guest = self.lock()) {
                                      guest->ended(number, why);
                                    }
                                  }});
  auto first = desk_.loop.timer(desk_.first_frame, [self, number](std::uint32_t) {
    if (const auto guest = self.lock()) {
      guest->warn("guest-silent", "",
                  "a connection was closed: it did not say what it is for within " +
                      std::to_string(guest->desk_.first_frame.count()) + " ms");
      guest->drop(number);
    }
  });
  if (!stream || !first) {
    return warn(
        "guest-limit", "",
        "a connection was closed: " + (stream ? first.error().message : stream.error().message));
  }
  links_.emplace(number, Link{std::move(*stream), false, {}, std::move(*first)});
}

// What ends a stream with EPROTO is an operator's to know.
Result<> Guest::heard(std::uint64_t number, std::string_view message) {
  const auto at = links_.find(number);
  if (at == links_.end()) {
    return {};
  }
  const auto now = Clock::now();
  frames_.spend(1, now);
  bytes_.spend(static_cast<double>(message.size() + kFrameHeader), now);
  if (frames_.in_debt() || bytes_.in_debt()) {
    at->second.stream->pause(kPause);
    warn("guest-limit", "", "the guest says more than it may; what it says waits");
  }
  auto said = read_from_guest(message);
  if (!said) {
    return std::unexpected(std::move(said.error()));
  }
  if (!std::exchange(at->second.spoke, true)) {
    at->second.first.cancel();
    return first_word(number, *said);
  }
  if (session_ && session_->link == number) {
    return session_word(*said);
  }
  return fail("the guest says something beside its one claim", EPROTO);
}

Result<> Guest::first_word(std::uint64_t number, const v1::FromGuest& said) {
  if (said.has_claim()) {
    claim(number, said.claim(), false);
    return {};
  }
  if (!said.has_hello()) {
    return fail("the guest begins with neither a claim nor a hello", EPROTO);
  }
  if (said.hello().protocol() != kProtocol) {
    return fail("the guest's agent speaks protocol " + std::to_string(said.hello().protocol()) +
                    ", not " + std::to_string(kProtocol) + "; give the guest this node's usherd",
                EPROTO);
  }
  hello(number, said.hello());
  return {};
}

void Guest::ended(std::uint64_t number, const Error& why) {
  if (!links_.contains(number)) {
    return;
  }
  if (why.code == EPROTO) {
    warn("guest-protocol", "", "a connection was closed: " + why.message);
  }
  drop(number);
}

void Guest::drop(std::uint64_t number) {
  const auto at = links_.find(number);
  if (at == links_.end()) {
    return;
  }
  at->second.stream->close();
  drop_claims(number, at->second);
  links_.erase(at);
  if (session_ && session_->link == number) {
    session_->link = 0;
    session_->sent = 0;
    tell_session();
  }
}

void Guest::end_politely(std::uint64_t number) {
  if (const auto at = links_.find(number); at != links_.end()) {
    at->second.stream->finish(desk_.farewell);
  }
}

void Guest::warn(const std::string& type, const std::string& container,
                 const std::string& message) {
  const auto now = Clock::now();
  auto& told = told_[type];
  std::string left_out;
  if (now - told.since >= kWarnWindow) {
    if (told.count > kWarnsInWindow) {
      left_out = " (" + std::to_string(told.count - kWarnsInWindow) + " more were not told)";
    }
    told = {.since = now, .count = 0};
  }
  if (++told.count <= kWarnsInWindow) {
    desk_.guests.warn(USHER_LOG_WARNING, id_.empty() ? name_ : id_, container, type,
                      message + left_out);
  }
}

void Guest::gone() {
  close();
  desk_.memory.forget(name_);
  if (session_.has_value() && !id_.empty()) {
    desk_.guests.no_session(id_);
  }
  session_.reset();
  known_ = {};
}

void Guest::forget(const std::string& container) {
  if (known_.granted.erase(container) == 0) {
    return;
  }
  if (auto kept = desk_.memory.keep(name_, known_); !kept) {
    desk_.host.log(USHER_LOG_WARNING, kept.error().message);
  }
}

void Guest::close() {
  for (auto& [number, link] : std::exchange(links_, {})) {
    link.stream->close();
    drop_claims(number, link);
  }
  if (session_) {
    session_->link = 0;
  }
}

}  // namespace usher::kata
