// What guests and their relays say without being asked: shown, bounded, and believed for nothing.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/guest_event.hpp"
#include "agent/guests.hpp"
#include "agent/shown.hpp"

namespace usher::agent {

namespace {

using State = GuestContainer::State;

constexpr std::size_t kWord = 256;
constexpr std::size_t kSentence = 1024;

}  // namespace

void Guests::report(const std::string& sandbox_id, const std::string& container_id,
                    adapter::GuestStage stage) {
  auto* container = at(sandbox_id, container_id);
  if (container == nullptr) {
    return;
  }
  if (stage == adapter::GuestStage::running && container->state == State::approved) {
    container->state = State::running;
  } else if (stage == adapter::GuestStage::ended && container->state != State::created) {
    container->state = State::ended;
  }
}

void Guests::session(const std::string& adapter, const std::string& sandbox_id,
                     adapter::GuestSession session) {
  auto place = sandbox(sandbox_id);
  if (!place) {
    if (lines_.pass(sandbox_id, "unshown")) {
      p_.journal.log().error(fmt::format("the session of the guest of sandbox {} is not shown: {}",
                                         shown(sandbox_id), place.error().message),
                             {{"adapter", adapter}});
    }
    return;
  }
  auto& guest = **place;
  const bool is_new = !std::exchange(guest.connected, true);
  session.kernel = cut(session.kernel, kWord);
  session.version = cut(session.version, kWord);
  session.trouble = cut(session.trouble, kSentence);
  session.problem = cut(session.problem, kSentence);
  const GuestKernel kernel{session.backend, session.enforces};
  const bool other = guest.kernel != kernel;
  guest.kernel = kernel;
  const auto who = whole(sandbox_id);
  const bool is_news = is_new || !guest.session || guest.session->problem != session.problem;
  if (const auto held = is_news ? lines_.pass(sandbox_id, "guest-session") : std::nullopt) {
    const bool well = session.trouble.empty() && session.problem.empty();
    p_.journal.tell(
        well ? LogLevel::info : LogLevel::warning, "guest-session",
        fmt::format("its guest's agent {}: backend {}, kernel {}{}{}", is_new ? "is there" : "says",
                    shown(session.backend), shown(session.kernel),
                    session.trouble.empty() ? "" : "; trouble: " + shown(session.trouble),
                    session.problem.empty() ? "" : "; problem: " + shown(session.problem)),
        &who);
  }
  guest.session = std::move(session);
  if (other || is_new) {
    Reapplied done;
    reapply_all(sandbox_id, guest, done);
  } else {
    refresh(sandbox_id, guest);
  }
  if (is_new) {
    tell_policies(sandbox_id);
  }
}

void Guests::no_session(const std::string& sandbox_id) {
  const auto found = sandboxes_.find(sandbox_id);
  if (found == sandboxes_.end() || !std::exchange(found->second.connected, false)) {
    return;
  }
  const auto who = whole(sandbox_id);
  p_.journal.tell(LogLevel::warning, "guest-session",
                  "the session of its guest's agent has broken off; what it enforces in the guest "
                  "goes on",
                  &who);
  drop_if_empty(sandbox_id);
}

void Guests::told(const std::string& sandbox_id, std::string_view event) {
  auto read = sandboxes_.contains(sandbox_id)
                  ? read_guest_event(event)
                  : Result<v1::Event>(fail("no guest of that sandbox is known"));
  if (!read) {
    if (const auto held = lines_.pass(sandbox_id, "broken-event")) {
      p_.journal.log().warning(
          fmt::format("an event of the guest of sandbox {} cannot be shown: {} ({} more since the "
                      "last one that was told)",
                      shown(sandbox_id), read.error().message, *held));
    }
    return;
  }
  const auto held = events_.pass(sandbox_id, "");
  if (!held) {
    return;
  }
  const auto* container = at(sandbox_id, read->container_id());
  describe(container != nullptr ? whole(*container) : whole(sandbox_id), *read);
  if (*held != 0) {
    read->add_flags(fmt::format("guest-held-back-{}", *held));
  }
  p_.journal.publish(std::move(*read));
}

void Guests::warn(const std::string& adapter, int level, const std::string& sandbox_id,
                  const std::string& container_id, const std::string& type,
                  const std::string& message) {
  const auto held = lines_.pass(sandbox_id, type);
  if (!held) {
    return;
  }
  const auto* container = at(sandbox_id, container_id);
  const auto who = container != nullptr ? whole(*container) : whole(sandbox_id);
  auto text = message;
  if (container == nullptr && !container_id.empty()) {
    text += fmt::format(" (container {})", shown(container_id));
  }
  if (*held != 0) {
    text += fmt::format(" (adapter {}: {} more of these were not told)", adapter, *held);
  }
  p_.journal.tell(static_cast<LogLevel>(std::clamp(level - 1, 0, 3)), type, text, &who);
}

}  // namespace usher::agent
