// Guest: its claims, of a hook or of its agent.
#include <algorithm>
#include <utility>

#include "base/escape.hpp"
#include "kata/guest.hpp"

namespace usher::kata {

void Guest::claim(std::uint64_t number, const v1::Claim& claim, bool in_session) {
  if (const auto why = why_not_asked(claim, in_session); !why.empty()) {
    return refuse(number, claim, why, in_session);
  }
  claiming_ += in_session ? 0 : 1;
  Question question{.sandbox =
                        [self = weak_from_this()] {
                          const auto guest = self.lock();
                          return guest ? guest->id_ : std::string();
                        },
                    .container_id = claim.container_id()};
  if (in_session) {
    question.backend = session_->hello.backend();
    question.enforces = session_->hello.enforces();
  }
  const auto asked = desk_.claims.ask(std::move(question),
                                      [self = weak_from_this(), number, claim, in_session](
                                          const plugin::GuestGrant* grant, const std::string& why) {
                                        if (const auto guest = self.lock()) {
                                          guest->answered(number, claim, grant, why, in_session);
                                        }
                                      });
  if (const auto link = links_.find(number); link != links_.end()) {
    auto& claims = link->second.claims;
    std::erase_if(claims, [&](std::uint64_t one) { return !desk_.claims.waits(one); });
    if (desk_.claims.waits(asked)) {
      claims.insert(asked);
    }
  }
}

// Whoever waited for the word has ended what it asked for.
void Guest::drop_claims(std::uint64_t number, Link& link) {
  const bool in_session = session_ && session_->link == number;
  for (const auto claim : link.claims) {
    if (desk_.claims.drop(claim)) {
      claiming_ -= in_session ? 0 : 1;
    }
  }
  link.claims.clear();
}

// Empty: it may be put to the agent.
std::string Guest::why_not_asked(const v1::Claim& claim, bool in_session) {
  const std::string container = escape(claim.container_id());
  if (session_ && !in_session) {
    warn("guest-claim-beside-session", claim.container_id(),
         "a claim of container " + container +
             " was refused: it did not come from the guest's agent, which this sandbox has");
    return "this guest has an agent; set `agent` in usher-hook.conf, which asks it";
  }
  if (!claims_.take(1, Budget::Clock::now())) {
    warn("guest-limit", claim.container_id(),
         "a claim of container " + container + " was refused: this sandbox makes too many");
    return "this sandbox makes too many claims; try again in a minute";
  }
  if (!take_nonce(claim.nonce())) {
    warn("guest-replay", claim.container_id(),
         "a claim of container " + container + " was refused: its nonce was used before");
    return "this nonce was used before";
  }
  return "";
}

bool Guest::take_nonce(const std::string& nonce) {
  if (std::ranges::find(nonces_, nonce) != nonces_.end()) {
    return false;
  }
  nonces_.push_back(nonce);
  if (nonces_.size() > desk_.limits.nonces) {
    nonces_.pop_front();
  }
  return true;
}

void Guest::answered(std::uint64_t number, const v1::Claim& claim, const plugin::GuestGrant* grant,
                     const std::string& why, bool in_session) {
  claiming_ -= in_session ? 0 : 1;
  const auto begun = grant != nullptr ? let_start(number, claim, *grant, in_session) : fail(why);
  if (desk_.judged) {
    desk_.judged(id_, claim.container_id(), begun.has_value());
  }
  if (begun) {
    return;
  }
  if (grant != nullptr) {  // the agent has let it start: now it does not
    forget(claim.container_id());
    desk_.guests.report(id_, claim.container_id(), USHER_GUEST_ENDED);
  }
  refuse(number, claim, begun.error().message, in_session);
}

Result<> Guest::let_start(std::uint64_t number, const v1::Claim& claim,
                          const plugin::GuestGrant& grant, bool in_session) {
  const auto at = links_.find(number);
  if (at == links_.end()) {
    return fail("whoever asked has gone");
  }
  const auto verdict = verdict_message(claim, &grant, "", in_session);
  if (!verdict) {
    return std::unexpected(verdict.error());
  }
  known_.claimed = known_.claimed || !in_session;
  if (known_.granted.size() < kMaxGranted) {
    known_.granted.insert(claim.container_id());
  }
  if (auto kept = desk_.memory.keep(name_, known_); !kept) {
    desk_.host.log(USHER_LOG_ERROR, kept.error().message);
    return fail("the host could not note it: " + kept.error().message);
  }
  if (in_session && session_) {
    const bool is_new = !policies_ || policies_->generation != grant.policies.generation ||
                        session_->sent != grant.policies.generation;
    policies_ = grant.policies;
    // Before the verdict: the guest has them when it hears it.
    if (auto sent = is_new ? send_policies() : Result<>{}; !sent) {
      return sent;
    }
  }
  at->second.stream->send(*verdict);
  if (!at->second.stream->is_open()) {
    return fail("whoever asked has just gone");
  }
  if (!in_session) {
    end_politely(number);
  }
  return {};
}

void Guest::refuse(std::uint64_t number, const v1::Claim& claim, const std::string& why,
                   bool in_session) {
  const auto at = links_.find(number);
  if (at == links_.end()) {
    desk_.host.log(USHER_LOG_INFO, "sandbox " + escape(name_) +
                                       " went away before the verdict on " +
                                       escape(claim.container_id()));
    return;
  }
  at->second.stream->send(verdict_message(claim, nullptr, why, in_session).value_or(""));
  if (!in_session) {
    end_politely(number);
  }
}

}  // namespace usher::kata
