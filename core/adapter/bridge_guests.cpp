// Host extension usher.guests/1 as a relay calls it: on the loop, checked, bounded.
#include <utility>

#include "adapter/bridge.hpp"
#include "base/escape.hpp"

namespace usher::adapter {
namespace {

constexpr std::size_t kMaxId = 255;
constexpr std::size_t kMaxWord = 64;
constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxEvent = 60U << 10;  // plugin.h promises it (usher_guests.told)
constexpr std::uint32_t kEnforces = USHER_GUEST_ENFORCES_EXEC | USHER_GUEST_ENFORCES_FILES |
                                    USHER_GUEST_ENFORCES_SOCKETS | USHER_GUEST_ENFORCES_FROM |
                                    USHER_GUEST_ENFORCES_SOCKET_FROM;

// Takes texts one after the other; the first that cannot be taken is the misuse.
class Texts {
 public:
  std::string id(usher_string s, std::string_view what, bool may_be_empty = false) {
    auto text = take(s, what, kMaxId);
    if (!misuse_ && text.empty() && !may_be_empty) {
      misuse_ = Misuse{Count::bad_values, "gave an empty " + std::string(what)};
    }
    return text;
  }
  std::string take(usher_string s, std::string_view what, std::size_t limit = kMaxText) {
    auto text = take_text(s, what, limit);
    if (!text && !misuse_) {
      misuse_ = std::move(text.error());
    }
    return text ? std::move(*text) : std::string();
  }
  // A word of a-z, 0-9 and '-'.
  std::string word(usher_string s, std::string_view what) {
    auto text = take(s, what, kMaxWord);
    if (!misuse_ && (text.empty() || text.find_first_not_of(
                                         "abcdefghijklmnopqrstuvwxyz0123456789-") != text.npos)) {
      misuse_ = Misuse{Count::bad_values, "gave " + std::string(what) + " \"" + escape(text) +
                                              "\"; a word of a-z, 0-9 and - is expected"};
    }
    return text;
  }
  void bits(std::uint32_t enforces) {
    if (!misuse_ && (enforces & ~kEnforces) != 0) {
      misuse_ = Misuse{Count::bad_values,
                       "set USHER_GUEST_ENFORCES_ bits that this agent does not know: update "
                       "usherd"};
    }
  }
  const std::optional<Misuse>& misuse() const { return misuse_; }

 private:
  std::optional<Misuse> misuse_;
};

void answer(const usher_guest_granted& to, const Result<GuestGrant>& granted) {
  if (granted) {
    const RawIdentity identity(granted->identity);
    const RawGuestPolicies policies(*granted->policies);
    to.call(to.context, to.ticket, USHER_OK, identity.get(), raw(granted->runtime), policies.get(),
            nullptr);
    return;
  }
  std::string message = granted.error().message;
  const usher_error error{sizeof error, granted.error().code, message.data(), message.size(),
                          message.size()};
  to.call(to.context, to.ticket, USHER_FAILED, nullptr, {}, nullptr, &error);
}

}  // namespace

const usher_guests* Bridge::guests_table() {
  static constexpr usher_guests kGuests = {
      sizeof kGuests, 0,           &guests_claim, &guests_report, &guests_session,
      &guests_told,   &guests_warn};
  return &kGuests;
}

GuestDesk* Bridge::desk(std::string_view call) {
  if (!may_call(call)) {
    return nullptr;
  }
  {
    const std::scoped_lock lock(mutex_);
    if (loop_ == nullptr || phase_ != Phase::started) {
      return nullptr;
    }
  }
  if (main_ == std::this_thread::get_id()) {
    return hooks_.guests;
  }
  misbehaved({Count::wrong_threads,
              "called " + std::string(call) + " on another thread than the agent's loop"});
  return nullptr;
}

std::int32_t Bridge::guests_claim(void* self, const usher_guest_claim* claim,
                                  usher_guest_granted then, usher_error* error) {
  Bridge& bridge = of(self);
  GuestDesk* const desk = bridge.desk("usher.guests/1");
  if (desk == nullptr) {
    write_error(error, stopping_error());
    return USHER_STOPPING;
  }
  const auto from = read_sized(claim, "usher_guest_claim");
  if (!from || then.call == nullptr) {
    return bridge.refuse(
        error, from ? Misuse{Count::null_members, "made a claim without an answer"} : from.error());
  }
  Texts texts;
  const GuestClaim asked{.sandbox_id = texts.id(from->sandbox_id, "sandbox_id"),
                         .container_id = texts.id(from->container_id, "container_id"),
                         .backend = texts.word(from->backend, "backend"),
                         .enforces = from->enforces};
  texts.bits(from->enforces);
  if (texts.misuse()) {
    return bridge.refuse(error, *texts.misuse());
  }
  answer(then, desk->claim(bridge.name_, asked));
  return USHER_OK;
}

void Bridge::guests_report(void* self, usher_string sandbox_id, usher_string container_id,
                           std::uint32_t stage) {
  Bridge& bridge = of(self);
  GuestDesk* const desk = bridge.desk("usher.guests/1");
  if (desk == nullptr) {
    return;
  }
  Texts texts;
  const auto sandbox = texts.id(sandbox_id, "sandbox_id");
  const auto container = texts.id(container_id, "container_id");
  if (texts.misuse()) {
    bridge.misbehaved(*texts.misuse());
  } else if (stage != USHER_GUEST_RUNNING && stage != USHER_GUEST_ENDED) {
    bridge.misbehaved(
        {Count::bad_values, "reported guest stage " + std::to_string(stage) + ", which is none"});
  } else {
    desk->report(sandbox, container, static_cast<GuestStage>(stage));
  }
}

void Bridge::guests_session(void* self, usher_string sandbox_id,
                            const usher_guest_session* session) {
  Bridge& bridge = of(self);
  GuestDesk* const desk = bridge.desk("usher.guests/1");
  if (desk == nullptr) {
    return;
  }
  Texts texts;
  const auto sandbox = texts.id(sandbox_id, "sandbox_id");
  if (session == nullptr && !texts.misuse()) {
    return desk->no_session(sandbox);
  }
  const auto from = read_sized(session, "usher_guest_session");
  if (!from) {
    return bridge.misbehaved(from.error());
  }
  GuestSession said{.backend = texts.word(from->backend, "backend"),
                    .kernel = texts.take(from->kernel, "kernel"),
                    .version = texts.take(from->version, "version"),
                    .trouble = texts.take(from->trouble, "trouble"),
                    .problem = texts.take(from->problem, "problem"),
                    .enforces = from->enforces,
                    .applied = from->applied,
                    .away = from->away != 0};
  texts.bits(from->enforces);
  if (texts.misuse()) {
    return bridge.misbehaved(*texts.misuse());
  }
  desk->session(bridge.name_, sandbox, std::move(said));
}

void Bridge::guests_told(void* self, usher_string sandbox_id, usher_string event) {
  Bridge& bridge = of(self);
  GuestDesk* const desk = bridge.desk("usher.guests/1");
  if (desk == nullptr) {
    return;
  }
  Texts texts;
  const auto sandbox = texts.id(sandbox_id, "sandbox_id");
  if (event.size > kMaxEvent || (event.size != 0 && event.data == nullptr)) {
    bridge.misbehaved({Count::wild_lengths, "told an event of " + std::to_string(event.size) +
                                                " bytes; at most " + std::to_string(kMaxEvent) +
                                                " are taken"});
  } else if (texts.misuse()) {
    bridge.misbehaved(*texts.misuse());
  } else {
    desk->told(sandbox, {event.data, event.size});
  }
}

void Bridge::guests_warn(void* self, std::uint32_t level, usher_string sandbox_id,
                         usher_string container_id, usher_string type, usher_string message) {
  Bridge& bridge = of(self);
  GuestDesk* const desk = bridge.desk("usher.guests/1");
  if (desk == nullptr) {
    return;
  }
  Texts texts;
  const auto sandbox = texts.id(sandbox_id, "sandbox_id");
  const auto container = texts.id(container_id, "container_id", true);
  const auto word = texts.word(type, "an event's type");
  const auto text = take_words(message, "a message");
  if (texts.misuse() || !text) {
    bridge.misbehaved(texts.misuse() ? *texts.misuse() : text.error());
  } else if (level < USHER_LOG_DEBUG || level > USHER_LOG_ERROR) {
    bridge.misbehaved(
        {Count::bad_values, "warned at level " + std::to_string(level) + ", which is none"});
  } else {
    desk->warn(bridge.name_, static_cast<int>(level), sandbox, container, word, shown(*text));
  }
}

}  // namespace usher::adapter
