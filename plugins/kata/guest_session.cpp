// Guest: the session of its agent.
#include <utility>

#include "base/escape.hpp"
#include "kata/guest.hpp"

namespace usher::kata {
namespace {

constexpr std::size_t kMaxShownProblem = 1024;

constexpr std::uint32_t kKnownEnforces = USHER_GUEST_ENFORCES_EXEC | USHER_GUEST_ENFORCES_FILES |
                                         USHER_GUEST_ENFORCES_SOCKETS | USHER_GUEST_ENFORCES_FROM |
                                         USHER_GUEST_ENFORCES_SOCKET_FROM;

}  // namespace

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
  const auto enforces = hello.enforces() & kKnownEnforces;
  auto opened = known_;
  opened.backend = hello.backend();
  opened.enforces = enforces;
  const auto token = session_ ? Result<std::string>(known_.token) : new_token();
  opened.token = token.value_or("");
  auto kept = !token             ? Result<>(fail(token.error().message))
              : opened != known_ ? desk_.memory.keep(name_, opened)
                                 : Result<>{};
  if (!kept) {
    desk_.host.log(USHER_LOG_ERROR, "no session for the guest of sandbox " + escape(name_) + ": " +
                                        kept.error().message);
    return drop(number);
  }
  known_ = std::move(opened);
  if (!session_) {
    session_.emplace();
  }
  if (const auto before = session_->link; before != 0 && before != number) {
    drop(before);  // it has not noticed that it broke off
  }
  session_->link = number;
  session_->hello = hello;
  session_->hello.set_enforces(enforces);
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
                        .applied = session_->applied,
                        .away = session_->link == 0});
}

}  // namespace usher::kata
