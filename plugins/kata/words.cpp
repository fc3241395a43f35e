#include "kata/words.hpp"

#include <algorithm>

#include "kata/frames.hpp"

namespace usher::kata {
namespace {

constexpr std::size_t kMaxVersion = 128;
constexpr std::size_t kMaxKernel = 256;
constexpr std::size_t kMaxTrouble = 4096;
constexpr std::size_t kMaxProblems = 256;
constexpr std::size_t kMaxMessage = 1024;
constexpr std::size_t kMaxName = 1024;
// Of policies in one frame: the rest of it is what surrounds them.
constexpr std::size_t kRoom = kMaxFrame - 1024;
constexpr std::size_t kAround = 32;  // of one policy's text: tags and lengths

std::unexpected<Error> malformed(const std::string& what) {
  return fail("the guest's message " + what, EPROTO);
}

Result<> check_id(const std::string& id) {
  if (id.empty() || id.size() > kMaxContainerId) {
    return malformed("has a container id of " + std::to_string(id.size()) + " bytes; 1 to " +
                     std::to_string(kMaxContainerId) + " are taken");
  }
  return {};
}

Result<> check_length(const char* member, std::size_t size, std::size_t most) {
  if (size > most) {
    return malformed("has " + std::to_string(size) + " bytes of " + member + "; at most " +
                     std::to_string(most) + " are taken");
  }
  return {};
}

Result<> check(const v1::Claim& claim) {
  if (claim.nonce().size() != kNonceSize) {
    return malformed("has a nonce of " + std::to_string(claim.nonce().size()) + " bytes, not " +
                     std::to_string(kNonceSize));
  }
  auto id = check_id(claim.container_id());
  return id ? check_length("version", claim.version().size(), kMaxVersion) : id;
}

Result<> check(const v1::Hello& hello) {
  if (!hello.token().empty() && hello.token().size() != kTokenSize) {
    return malformed("has a token of " + std::to_string(hello.token().size()) + " bytes, not " +
                     std::to_string(kTokenSize));
  }
  if (!is_backend(hello.backend())) {
    return malformed("names a backend that is none of lsm, tracepoint, none");
  }
  auto done = check_length("version", hello.version().size(), kMaxVersion);
  if (done) {
    done = check_length("kernel", hello.kernel().size(), kMaxKernel);
  }
  return done ? check_length("trouble", hello.trouble().size(), kMaxTrouble) : done;
}

Result<> check(const v1::Report& report) {
  if (report.stage() != v1::Report::STAGE_RUNNING && report.stage() != v1::Report::STAGE_ENDED) {
    return malformed("reports a stage that is neither running nor ended");
  }
  return check_id(report.container_id());
}

Result<> check(const v1::Applied& applied) {
  if (static_cast<std::size_t>(applied.problems_size()) > kMaxProblems) {
    return malformed("tells more than " + std::to_string(kMaxProblems) + " problems");
  }
  return {};
}

Result<> check(const v1::Told& told) {
  if (told.event().empty()) {
    return malformed("tells an empty event");
  }
  return check_length("event", told.event().size(), kMaxEvent);
}

void fill(v1::Identity& to, const plugin::GuestGrant& grant) {
  const auto& from = grant.identity;
  to.set_pod_namespace(from.pod_namespace);
  to.set_pod_name(from.pod_name);
  to.set_pod_uid(from.pod_uid);
  to.set_container_name(from.container_name);
  to.set_container_id(from.container_id);
  to.set_sandbox_id(from.sandbox_id);
  to.set_image(from.image);
  to.set_runtime_handler(from.runtime_handler);
  for (const auto& [key, value] : from.pod_labels) {
    (*to.mutable_pod_labels())[key] = value;
  }
  to.set_labels_known(from.labels_known);
  to.set_is_sandbox(from.is_sandbox);
  to.set_handler_unknown(from.handler_unknown);
  to.set_record_unknown(from.record_unknown);
  to.set_runtime(grant.runtime);
  to.set_identity_source(from.identity_source);
  to.set_labels_source(from.labels_source);
}

Result<> check_set(const plugin::GuestPolicies& policies) {
  std::size_t bytes = 0;
  for (const auto& policy : policies.items) {
    if (policy.name.size() > kMaxName) {
      return fail("a policy's name of " + std::to_string(policy.name.size()) +
                  " bytes cannot be sent to a guest");
    }
    bytes += policy.name.size() + policy.text.size();
  }
  if (policies.items.size() > kMaxPolicies || bytes > kMaxPolicyBytes) {
    return fail(std::to_string(policies.items.size()) + " policies of " + std::to_string(bytes) +
                " bytes; a guest takes at most " + std::to_string(kMaxPolicies) + " of " +
                std::to_string(kMaxPolicyBytes) + " bytes together");
  }
  return {};
}

// Cuts a set into messages that fit a frame each.
class Cutter {
 public:
  explicit Cutter(std::uint64_t generation) { part_.set_generation(generation); }

  void add(const plugin::GuestPolicy& policy) {
    std::string_view left = policy.text;
    do {
      if (used_ + policy.name.size() + kAround >= kRoom) {
        flush(true);
      }
      const auto text = left.substr(0, kRoom - used_ - policy.name.size() - kAround);
      left.remove_prefix(text.size());
      auto& to = *part_.add_policies();
      to.set_name(policy.name);
      to.set_text(text.data(), text.size());
      to.set_more(!left.empty());
      used_ += policy.name.size() + text.size() + kAround;
    } while (!left.empty());
  }
  std::vector<std::string> take() {
    flush(false);
    return std::move(messages_);
  }

 private:
  void flush(bool more) {
    part_.set_more(more);
    v1::FromHost out;
    *out.mutable_policies() = part_;
    messages_.push_back(out.SerializeAsString());
    part_.clear_policies();
    used_ = 0;
  }

  v1::Policies part_;
  std::size_t used_ = 0;
  std::vector<std::string> messages_;
};

}  // namespace

bool is_backend(std::string_view word) {
  return word == "lsm" || word == "tracepoint" || word == "none";
}

Result<v1::FromGuest> read_from_guest(std::string_view message) {
  v1::FromGuest out;
  if (!out.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return malformed("is none of this protocol");
  }
  Result<> checked;
  switch (out.word_case()) {
    case v1::FromGuest::kClaim:
      checked = check(out.claim());
      break;
    case v1::FromGuest::kHello:
      checked = check(out.hello());
      break;
    case v1::FromGuest::kReport:
      checked = check(out.report());
      break;
    case v1::FromGuest::kApplied:
      checked = check(out.applied());
      break;
    case v1::FromGuest::kTold:
      checked = check(out.told());
      break;
    case v1::FromGuest::WORD_NOT_SET:
      checked = malformed("says nothing that is known here");
      break;
  }
  if (!checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return out;
}

Result<std::string> verdict_message(const v1::Claim& claim, const plugin::GuestGrant* grant,
                                    std::string_view why, bool to_session) {
  v1::FromHost out;
  auto& verdict = *out.mutable_verdict();
  verdict.set_ticket(claim.ticket());
  verdict.set_container_id(claim.container_id());
  verdict.set_nonce(claim.nonce());
  verdict.set_word(grant != nullptr ? v1::Verdict::WORD_GO : v1::Verdict::WORD_REFUSE);
  if (grant == nullptr) {
    const auto said = why.substr(0, kMaxMessage);
    verdict.set_message(said.data(), said.size());
  } else if (to_session) {
    fill(*verdict.mutable_identity(), *grant);
    verdict.set_generation(grant->policies.generation);
  }
  auto bytes = out.SerializeAsString();
  if (bytes.size() > kMaxFrame) {  // labels may be longer than a frame
    return fail("the pod's labels do not fit a message to the guest; shorten them");
  }
  return bytes;
}

std::string welcome_message(std::string_view token) {
  v1::FromHost out;
  out.mutable_welcome()->set_protocol(kProtocol);
  out.mutable_welcome()->set_token(token.data(), token.size());
  return out.SerializeAsString();
}

Result<std::vector<std::string>> policies_messages(const plugin::GuestPolicies& policies) {
  if (auto fits = check_set(policies); !fits) {
    return std::unexpected(std::move(fits.error()));
  }
  Cutter cutter(policies.generation);
  for (const auto& policy : policies.items) {
    cutter.add(policy);
  }
  return cutter.take();
}

}  // namespace usher::kata
