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
constexpr std::size_t kMaxShownProblem = 1024;

constexpr std::uint32_t kKnownEnforces = USHER_GUEST_ENFORCES_EXEC | USHER_GUEST_ENFORCES_FILES |
                                         USHER_GUEST_ENFORCES_SOCKETS | USHER_GUEST_ENFORCES_FROM |
                                         USHER_GUEST_ENFORCES_SOCKET_FROM;

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
    session_->hello.set_backend("none");
    session_->hello.set_trouble("the guest's agent has not come back yet");
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
  if (stream && first) {
    links_.emplace(number, Link{std::move(*stream), false, std::move(*first)});
  }
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

Result<> Guest::session_word(const v1::FromGuest& said) {
  switch (said.word_case()) {
    case v1::FromGuest::kClaim:
      claim(session_->link, said.claim(), true);
      return {};
    case v1::FromGuest::kReport:
      if (!id_.empty()) {
        desk_.guests.report(id_, said.report().container_id(),
                            said.report().stage() == v1::Report::STAGE_RUNNING ? USHER_GUEST_RUNNING
                                                                               : USHER_GUEST_ENDED);
      }
      return {};
    case v1::FromGuest::kApplied:
      applied(said.applied());
      return {};
    case v1::FromGuest::kTold:
      if (!id_.empty()) {
        desk_.guests.told(id_, said.told().event());
      }
      return {};
    case v1::FromGuest::kHello:
    case v1::FromGuest::WORD_NOT_SET:
      break;
  }
  return fail("the guest's agent says hello in its session", EPROTO);
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

void Guest::hello(std::uint64_t number, const v1::Hello& hello) {
  const char* type = "";
  if (const auto why = why_no_session(hello, type); !why.empty()) {
    warn(type, "", "a session was refused: " + why);
    return drop(number);
  }
  welcome(number, hello);
}

// Empty: it may have one.
std::string Guest::why_no_session(const v1::Hello& hello, const char*& type) const {
  if (session_) {
    if (hello.token().empty()) {
      type = "guest-second-session";
      return "this sandbox has one, and only its opener may take it up again";
    }
    if (!same_secret(hello.token(), known_.token)) {
      type = "guest-bad-token";
      return "its token is not that of this sandbox's session";
    }
    return "";
  }
  if (known_.claimed || claiming_ > 0 || runs_) {
    type = "guest-late-session";
    return "a container of this sandbox was started before: who opens it now may be that. The "
           "guest's agent must run before the pod's first container";
  }
  return "";
}

void Guest::welcome(std::uint64_t number, const v1::Hello& hello) {
  if (!session_) {
    auto token = new_token();
    auto opened = known_;
    opened.token = token.value_or("");
    auto kept = token ? desk_.memory.keep(name_, opened) : fail(token.error().message);
    if (!kept) {
      desk_.host.log(USHER_LOG_ERROR, "no session for the guest of sandbox " + escape(name_) +
                                          ": " + kept.error().message);
      return drop(number);
    }
    known_ = std::move(opened);
    session_.emplace();
  }
  if (const auto before = session_->link; before != 0 && before != number) {
    drop(before);  // it has not noticed that it broke off
  }
  session_->link = number;
  session_->hello = hello;
  session_->hello.set_enforces(hello.enforces() & kKnownEnforces);
  session_->sent = 0;
  const auto stream = links_.at(number).stream;
  stream->send(welcome_message(known_.token));
  tell_session();
  if (auto sent = send_policies(); !sent) {
    warn("guest-policies", "", sent.error().message);
  }
}

// To a session that is there. Where nothing is known yet, generation 0: what is in force stays.
Result<> Guest::send_policies() {
  if (!session_ || session_->link == 0) {
    return {};
  }
  const auto messages = policies_messages(policies_.value_or(plugin::GuestPolicies{}));
  if (!messages) {
    return std::unexpected(messages.error());
  }
  const auto stream = links_.at(session_->link).stream;
  for (const auto& message : *messages) {
    stream->send(message);
  }
  session_->sent = policies_ ? policies_->generation : 0;
  return {};
}

void Guest::policies(const plugin::GuestPolicies& policies) {
  if (session_ && session_->sent == policies.generation && policies_ &&
      policies_->generation == policies.generation) {
    return;
  }
  policies_ = policies;
  if (auto sent = send_policies(); !sent) {
    warn("guest-policies", "", "the guest keeps the policies that it has: " + sent.error().message);
  }
}

void Guest::applied(const v1::Applied& said) {
  if (said.generation() != session_->sent) {
    return;  // of a set before
  }
  std::string problem;
  for (const auto& one : said.problems()) {
    problem += (problem.empty() ? "" : "; ") + one;
    if (problem.size() > kMaxShownProblem) {
      problem.resize(kMaxShownProblem);
      break;
    }
  }
  if (problem.empty()) {
    session_->applied = said.generation();
  }
  session_->problem = std::move(problem);
  tell_session();
}

void Guest::tell_session() {
  if (!session_ || id_.empty()) {
    return;
  }
  const auto& hello = session_->hello;
  const std::string away =
      session_->link != 0 ? ""
                          : "the guest's agent is not connected: no container starts there until "
                            "it is, and what it was told stays in force";
  desk_.guests.session({.sandbox_id = id_,
                        .backend = hello.backend(),
                        .kernel = hello.kernel(),
                        .version = hello.version(),
                        .trouble = away.empty() ? hello.trouble() : away,
                        .problem = session_->problem,
                        .enforces = hello.enforces(),
                        .applied = session_->applied});
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
  }
  if (session_) {
    session_->link = 0;
  }
}

}  // namespace usher::kata
