#include "agent/unenrolled.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <filesystem>

namespace usher::agent {

namespace {

constexpr std::array<std::string_view, 3> kWords{"allow", "audit", "deny"};

// What a pause program may do: wait. Its arming is not judged by it.
std::shared_ptr<const policy::Policy> pause_policy(bool enforced,
                                                   const policy::Capabilities& capabilities) {
  auto policy = std::make_shared<policy::Policy>();
  policy->name = "(built in: pause programs)";
  policy->mode = enforced ? policy::Mode::enforce : policy::Mode::audit;
  policy->select.all = true;
  for (const auto on : {policy::Operation::exec, policy::Operation::write,
                        policy::Operation::connect, policy::Operation::bind}) {
    const auto kind = static_cast<std::size_t>(on);
    if (capabilities.operations[kind]) {
      policy->defaults[kind] = policy::Action::deny;
    }
  }
  return policy;
}

// Kubelets put it at the top, or below a cgroup or two of their own. Cgroups come and go meanwhile.
bool is_there(const std::filesystem::path& at, const std::vector<std::string>& names,
              int depth = 3) {
  std::vector<std::filesystem::path> below;
  std::error_code problem;
  std::filesystem::directory_iterator entry(at, problem);
  for (const std::filesystem::directory_iterator end; !problem && entry != end;
       entry.increment(problem)) {
    std::error_code gone;
    if (!entry->is_directory(gone)) {
      continue;
    }
    if (std::ranges::find(names, entry->path().filename().native()) != names.end()) {
      return true;
    }
    below.push_back(entry->path());
  }
  return depth > 0 && std::ranges::any_of(below, [&](const std::filesystem::path& cgroup) {
           return is_there(cgroup, names, depth - 1);
         });
}

}  // namespace

std::string_view unenrolled_word(std::uint32_t answer) {
  return answer < kWords.size() ? kWords[answer] : "(unknown)";
}

std::uint32_t unenrolled_answer(std::string_view word) {
  const auto found = std::ranges::find(kWords, word);
  return found == kWords.end() ? std::uint32_t{USHER_UNENROLLED_ALLOW}
                               : static_cast<std::uint32_t>(found - kWords.begin());
}

UnenrolledPods::UnenrolledPods(asio::io_context& loop, enforce::Enforcer& enforcer,
                               Journal& journal, Wanted wanted)
    : loop_(loop),
      enforcer_(enforcer),
      journal_(journal),
      wanted_(std::move(wanted)),
      timer_(loop) {}

Result<> UnenrolledPods::start(ProfileCache& profiles, const std::vector<std::string>& adapters,
                               std::chrono::milliseconds patience) {
  if (wanted_.answer == USHER_UNENROLLED_DENY && !wanted_.next_pod_problem.empty()) {
    return fail(fmt::format(
        "the agent runs in a pod, and with unenrolled = \"deny\" a new pod of it (an upgrade, an "
        "eviction) would not start, and nothing else after it: {}; mend that, or set \"audit\" "
        "under [enforcement], or run usherd as the node's service",
        wanted_.next_pod_problem));
  }
  const auto before = enforcer_.unenrolled();
  if (wanted_.answer != USHER_UNENROLLED_ALLOW) {
    auto held = profiles.acquire(
        {{pause_policy(wanted_.answer == USHER_UNENROLLED_DENY, enforcer_.capabilities())}}, 0);
    if (!held) {
      return fail_in("cannot load the profile of pause programs", std::move(held.error()));
    }
    held_ = std::move(*held);
  }
  if (auto done = put(std::min(before, wanted_.answer)); !done) {
    return done;
  }
  if (wanted_.answer <= before) {
    return {};
  }
  awaited_.insert(adapters.begin(), adapters.end());
  waiting_ = true;
  if (awaited_.empty()) {
    settle("no adapter runs");
    return {};
  }
  timer_.expires_after(patience);
  timer_.async_wait([this](std::error_code stopped) {
    if (!stopped) {
      settle(
          fmt::format("{} did not tell in time what runs: execs into containers that run and "
                      "are not adopted are answered so, too",
                      fmt::join(awaited_, ", ")));
    }
  });
  return {};
}

void UnenrolledPods::synced(const std::string& adapter) {
  if (waiting_ && awaited_.erase(adapter) != 0 && awaited_.empty()) {
    asio::post(loop_, [this] { settle("what runs has been adopted"); });
  }
}

void UnenrolledPods::settle(std::string_view why) {
  if (!std::exchange(waiting_, false)) {
    return;
  }
  timer_.cancel();
  if (auto done = put(wanted_.answer); !done) {
    journal_.tell(LogLevel::error, "unenrolled",
                  fmt::format("pods that nobody enrolled: {} is not in force: {}",
                              unenrolled_word(wanted_.answer), done.error().message));
    return;
  }
  journal_.tell(LogLevel::info, "unenrolled",
                fmt::format("pods that nobody enrolled: {} from now on: {}",
                            unenrolled_word(wanted_.answer), why));
}

Result<> UnenrolledPods::put(std::uint32_t answer) {
  return enforcer_.set_unenrolled({.answer = answer,
                                   .profile = held_ ? held_->index : 0,
                                   .programs = wanted_.pause_programs,
                                   .pod_cgroups = wanted_.pod_cgroups,
                                   .agent_cgroup = wanted_.agent_cgroup,
                                   .agent_program = wanted_.agent_program});
}

std::vector<std::string> UnenrolledPods::warnings() const {
  std::vector<std::string> out;
  if (wanted_.answer == USHER_UNENROLLED_ALLOW) {
    return out;
  }
  if (enforcer_.unenrolled() != wanted_.answer) {
    out.push_back(fmt::format("unenrolled = \"{}\" is not in force yet{}{}",
                              unenrolled_word(wanted_.answer),
                              awaited_.empty() ? "; see the log" : ": waiting for what runs from ",
                              fmt::join(awaited_, ", ")));
  }
  if (!is_there(enforcer_.cgroup_root(), wanted_.pod_cgroups)) {
    out.push_back(
        fmt::format("no cgroup is called {} yet: until there is one, unenrolled = \"{}\" "
                    "holds for nobody; where the kubelet's has another name, give it in "
                    "pod_cgroups under [enforcement]",
                    fmt::join(wanted_.pod_cgroups, " or "), unenrolled_word(wanted_.answer)));
  }
  return out;
}

}  // namespace usher::agent
