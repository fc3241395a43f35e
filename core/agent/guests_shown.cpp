// Guests' containers as people and events see them: with what their runtimes told of the pod.
#include <fmt/format.h>

#include "agent/guests.hpp"
#include "agent/shown.hpp"

namespace usher::agent {

namespace {

using State = GuestContainer::State;

constexpr std::size_t kShortestPrefix = 4;
constexpr std::size_t kToldWarnings = 5;

bool is_called(const identity::Identity& who, std::string_view word) {
  const auto pod = who.pod_namespace + "/" + who.pod_name;
  return word == pod || word == pod + "/" + who.container_name ||
         (word.size() >= kShortestPrefix && who.container_id.starts_with(word));
}

}  // namespace

identity::Identity Guests::whole(const GuestContainer& container) const {
  auto who = container.identity;
  if (!container.runtime.empty()) {
    (void)p_.sandboxes.join(container.runtime, who);  // what disagrees adds nothing
  }
  return who;
}

identity::Identity Guests::whole(const std::string& sandbox_id) const {
  identity::Identity who;
  if (const auto told = p_.sandboxes.told(sandbox_id)) {
    who = *told->identity;
  }
  who.container_id = sandbox_id;
  who.sandbox_id = sandbox_id;
  who.is_sandbox = true;
  who.guest = true;
  return who;
}

Result<Guests::Place> Guests::find(std::string_view word) const {
  std::vector<Place> hits;
  std::string names;
  for (const auto& [id, sandbox] : sandboxes_) {
    for (const auto& [container_id, container] : sandbox.containers) {
      if (container_id == word && container_id != id) {
        return Place{&sandbox, &container};
      }
      if (const auto who = whole(container); is_called(who, word)) {
        hits.push_back({&sandbox, &container});
        names += (names.empty() ? "" : ", ") + display_name(who);
      }
    }
  }
  if (hits.empty()) {
    return fail(fmt::format("no guest container is called \"{}\"", shown(word)), ENOENT);
  }
  return hits.size() == 1
             ? Result<Place>(hits.front())
             : fail(fmt::format("\"{}\" fits more than one: {}", shown(word), names), EINVAL);
}

Error Guests::why_not_released(std::string_view word, Error unknown) const {
  const auto place = find(word);
  if (!place) {
    return place.error().code == ENOENT ? std::move(unknown) : place.error();
  }
  return {
      display_name(whole(*place->container)) +
          " runs in a guest, whose kernel this node cannot have release it: say mode = "
          "\"audit\" in its policies, or take it out of their selectors, which reaches it there",
      EOPNOTSUPP};
}

std::vector<std::string> Guests::warnings() const {
  std::vector<std::string> out;
  std::size_t unclaimed = 0;
  std::size_t more = 0;
  const auto add = [&](std::string text) {
    if (out.size() < kToldWarnings) {
      out.push_back(std::move(text));
    } else {
      ++more;
    }
  };
  for (const auto& [id, sandbox] : sandboxes_) {
    for (const auto& [container_id, container] : sandbox.containers) {
      unclaimed += container.state == State::running && !container.claimed && !sandbox.connected;
      if (!container.problem.empty()) {
        add(display_name(whole(container)) +
            " keeps older policies in its guest: " + container.problem);
      }
    }
  }
  if (more != 0) {
    out.push_back(fmt::format("{} guest containers more keep older policies", more));
  }
  if (unclaimed != 0) {
    out.push_back(
        fmt::format("{} guest containers run without a claim that this agent has "
                    "answered: no guest hook asked, or an earlier agent did",
                    unclaimed));
  }
  return out;
}

}  // namespace usher::agent
