#include "guest/claims.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include "base/escape.hpp"

namespace usher::guest {

namespace {

constexpr std::size_t kNonce = 16;
constexpr std::size_t kShownReason = 1024;

identity::Identity identity_of(const v1::Identity& said) {
  identity::Identity who;
  who.pod_namespace = said.pod_namespace();
  who.pod_name = said.pod_name();
  who.pod_uid = said.pod_uid();
  who.container_name = said.container_name();
  who.container_id = said.container_id();
  who.sandbox_id = said.sandbox_id();
  who.image = said.image();
  who.runtime_handler = said.runtime_handler();
  for (const auto& [key, value] : said.pod_labels()) {
    who.pod_labels.emplace(key, value);
  }
  who.labels_known = said.labels_known();
  who.is_sandbox = said.is_sandbox();
  who.handler_unknown = said.handler_unknown();
  who.record_unknown = said.record_unknown();
  who.identity_source = said.identity_source();
  who.labels_source = said.labels_source();
  return who;
}

Result<Granted> granted(const v1::Verdict& verdict, std::uint64_t applied,
                        const std::string& problem) {
  if (verdict.word() != v1::Verdict::WORD_GO) {
    return fail("the host refuses it: " + (verdict.message().empty()
                                               ? "it gave no reason"
                                               : escape(verdict.message().substr(0, kShownReason))),
                EPERM);
  }
  if (!verdict.has_identity() || verdict.identity().container_id() != verdict.container_id()) {
    return fail(
        "the host lets it start and does not say who it is; install a usherd of one "
        "version on the host and in the guest",
        EPROTO);
  }
  if (verdict.generation() == 0 || verdict.generation() > applied) {
    return fail(fmt::format("it is to run under policies of generation {}, and the host sent none "
                            "after {}",
                            verdict.generation(), applied),
                EPROTO);
  }
  if (!problem.empty()) {
    return fail("the host's policies are not all in force in this guest: " + problem +
                    "; until they are, no container of this pod starts, since it cannot be told "
                    "which ones they are for: mend the policy on the host, or give the guest's "
                    "image the host's usherd",
                EPERM);
  }
  return Granted{identity_of(verdict.identity()), verdict.identity().runtime()};
}

}  // namespace

Result<std::shared_ptr<PendingClaim>> Claims::add(std::string container_id,
                                                  Clock::time_point until) {
  if (waiting_.size() >= kMost) {
    return fail(fmt::format("{} containers wait for the host's verdict already", kMost), EAGAIN);
  }
  auto claim = std::make_shared<PendingClaim>(loop_, std::move(container_id));
  claim->ticket = ++last_ticket_;
  claim->done.expires_at(until);
  waiting_[claim->ticket] = claim;
  return claim;
}

Result<v1::FromGuest> Claims::ask(PendingClaim& claim) {
  std::string nonce(kNonce, '\0');
  if (::getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size())) {
    return fail_system("getrandom");
  }
  claim.nonce = std::move(nonce);
  v1::FromGuest message;
  auto& words = *message.mutable_claim();
  words.set_ticket(claim.ticket);
  words.set_container_id(claim.container_id);
  words.set_nonce(claim.nonce);
  words.set_version(USHER_VERSION);
  return message;
}

Result<> Claims::answer(const v1::Verdict& verdict, std::uint64_t applied,
                        const std::string& problem) {
  const auto found = waiting_.find(verdict.ticket());
  if (found == waiting_.end() || found->second->answer || found->second->nonce.empty()) {
    return fail(
        fmt::format("a verdict came for ticket {}, which does not wait for one", verdict.ticket()));
  }
  auto& claim = *found->second;
  if (verdict.nonce() != claim.nonce || verdict.container_id() != claim.container_id) {
    claim.answer =
        fail("the host's verdict is for another claim (its nonce or container differs)", EPROTO);
  } else {
    claim.answer = granted(verdict, applied, problem);
  }
  claim.done.cancel();
  return {};
}

void Claims::lost() {
  for (auto& [ticket, claim] : waiting_) {
    claim->nonce.clear();
  }
}

void Claims::refuse_all(const Error& why) {
  for (auto& [ticket, claim] : waiting_) {
    if (!claim->answer) {
      claim->answer = std::unexpected(why);
      claim->done.cancel();
    }
  }
}

}  // namespace usher::guest
