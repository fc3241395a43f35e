#include "agent/guest_side.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "agent/shown.hpp"
#include "usher/plugin.h"

namespace usher::agent {

namespace {

// A relay takes no more from one guest; the kernel's own limit per rule and workload is lower.
constexpr std::uint32_t kEvents = 50;
constexpr std::chrono::seconds kEventWindow{1};

constexpr std::array<std::string_view, 6> kTold{"verdict",  "suppressed", "lost",
                                                "enrolled", "refused",    "ended"};

std::uint32_t enforces(const policy::Capabilities& can) {
  using enum policy::Operation;
  const auto does = [&](policy::Operation on) {
    return can.operations[static_cast<std::size_t>(on)];
  };
  std::uint32_t bits = 0;
  bits |= does(exec) ? USHER_GUEST_ENFORCES_EXEC : 0;
  bits |= does(read) && does(write) ? USHER_GUEST_ENFORCES_FILES : 0;
  bits |= does(connect) && does(bind) ? USHER_GUEST_ENFORCES_SOCKETS : 0;
  bits |= can.from ? USHER_GUEST_ENFORCES_FROM : 0;
  bits |= can.socket_from ? USHER_GUEST_ENFORCES_SOCKET_FROM : 0;
  return bits;
}

// The store's name of the file that a policy of the host's would be in.
std::string file_of(const std::string& policy) {
  return "host:" + policy + ".toml";
}

}  // namespace

guest::Greeting greeting_of(const enforce::Enforcer& enforcer) {
  guest::Greeting greeting;
  utsname name{};
  greeting.kernel = ::uname(&name) == 0 ? name.release : "";
  greeting.backend = enforce::word(enforcer.backend());
  greeting.enforces = enforces(enforcer.capabilities());
  for (const auto& warning : enforcer.warnings()) {
    greeting.trouble += (greeting.trouble.empty() ? "" : "; ") + warning;
  }
  greeting.trouble = cut(greeting.trouble, kShownMessage);
  return greeting;
}

GuestSide::GuestSide(Parts parts)
    : p_(std::move(parts)), rate_(kEvents, kEventWindow), patience_(p_.loop) {
  session_ = std::make_shared<guest::Session>(
      p_.loop, guest::SessionParts{
                   .relay = p_.relay,
                   .token_file = p_.token_file,
                   .greeting = greeting_of(p_.enforcer),
                   .apply = [this](const guest::PolicySet& set) { return apply(set); },
                   .log =
                       [this](bool problem, const std::string& message) {
                         p_.journal.adapter_said(problem ? LogLevel::warning : LogLevel::info,
                                                 "guest-relay", message);
                       },
                   .timing = p_.timing});
}

Result<std::map<std::string, std::string>> GuestSide::texts() const {
  return texts_ ? Result<std::map<std::string, std::string>>(*texts_)
                : fail(
                      "the host has sent no policies since this usherd started; those of before "
                      "stay in force");
}

std::unique_ptr<adapter::Host> GuestSide::host() const {
  return std::make_unique<guest::GuestHost>(session_);
}

void GuestSide::start(const PolicyStore& store) {
  store_ = &store;
  asio::co_spawn(p_.loop, tell_all(p_.hub.subscribe(0, true)), asio::detached);
}

void GuestSide::when_open(std::chrono::milliseconds patience, std::function<void(bool)> ready) {
  ready_ = std::move(ready);
  session_->when_open([this] {
    patience_.cancel();
    if (auto call = std::exchange(ready_, nullptr)) {
      call(true);
    }
  });
  patience_.expires_after(patience);
  patience_.async_wait([this](std::error_code stopped) {
    if (auto call = stopped ? nullptr : std::exchange(ready_, nullptr)) {
      call(false);
    }
  });
}

guest::Applied GuestSide::apply(const guest::PolicySet& set) {
  texts_.emplace();
  for (const auto& [name, text] : set.texts) {
    texts_->emplace(file_of(name), text);
  }
  p_.reload(fmt::format("generation {} of the host", set.generation));
  guest::Applied applied;
  applied.problems = store_->errors();
  if (!applied.problems.empty()) {
    applied.missing = applied.problems.front();
  }
  for (const auto slot : p_.registry.slots()) {
    const auto& entry = *p_.registry.by_slot(slot);
    if (!entry.problem.empty()) {
      applied.problems.push_back(display_name(entry.workload.identity) +
                                 " keeps its older profile: " + entry.problem);
    }
  }
  return applied;
}

void GuestSide::runs(const Entry& entry) {
  session_->report(entry.workload.identity.container_id, guest::v1::Report::STAGE_RUNNING);
}

asio::awaitable<void> GuestSide::tell_all(std::unique_ptr<api::EventSubscription> events) {
  for (;;) {
    const auto event = co_await events->next();
    if (!event) {
      co_return;
    }
    tell(*event);
  }
}

void GuestSide::tell(const v1::Event& event) {
  if (std::ranges::find(kTold, event.type()) == kTold.end()) {
    return;
  }
  if (event.type() == "ended") {
    session_->report(event.container_id(), guest::v1::Report::STAGE_ENDED);
  }
  const auto held = rate_.pass();
  if (!held) {
    return;
  }
  if (*held != 0) {
    v1::Event lost;
    lost.set_type("lost");
    lost.set_severity("warning");
    lost.set_suppressed(*held);
    lost.set_message("the guest had more events than it may tell its host");
    session_->tell(lost.SerializeAsString());
  }
  session_->tell(event.SerializeAsString());
}

}  // namespace usher::agent
