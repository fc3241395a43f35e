// What adapters publish, carried out: sandboxes are kept for the join, containers that start or run
// are enrolled, ends are hints. Nothing that is enrolled is dropped on an adapter's word.
//
// The container of a pod's sandbox itself is enrolled where a policy takes sandboxes in, and is no
// workload otherwise.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapter/host.hpp"
#include "agent/enrolment.hpp"
#include "agent/guests.hpp"
#include "agent/prepared.hpp"
#include "agent/sandboxes.hpp"
#include "agent/throttle.hpp"

namespace usher::agent {

class Feed {
 public:
  struct Parts {
    asio::io_context& loop;
    Sandboxes& sandboxes;
    Enrolment& enrolment;
    Registry& registry;
    enforce::Enforcer& enforcer;
    Journal& journal;
    const Locator& locator;
    Guests& guests;
    Prepared& prepared;
    std::function<void(std::uint32_t slot)> gone;  // a hint; what follows is not the adapter's
    Throttle::Now now = &Throttle::Clock::now;
  };
  explicit Feed(Parts parts)
      : p_(std::move(parts)),
        sandbox_lines_(kSandboxLines, kWindow, p_.now),
        refusal_lines_(1, kWindow, p_.now),
        seen_timer_(p_.loop),
        adopted_timer_(p_.loop) {}
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // [loop] Answers event.done when the event is dealt with: a gate when the kernel's maps have been
  // read back, a running container when its tasks are tagged.
  void take(adapter::AdapterEvent event);

  // Other policies are in force: they may take in sandboxes that none did before. One a turn of the
  // loop, so that gates are answered meanwhile.
  void policies_changed();

  // After an adoption: what an earlier agent let start, and has not been seen to exec, waits still
  // or began by no exec (a checkpoint was restored). Of which nothing is heard for so long is taken
  // to run.
  void adopted(std::chrono::milliseconds patience = std::chrono::seconds(10));

  // For status: running containers that are not enrolled, and why; those that no gate let start.
  std::vector<std::string> warnings() const;
  // Containers that were found running and were not known: they started before the agent, or while
  // it was away or not asked.
  std::uint64_t found_running() const { return found_running_; }

 private:
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr std::uint32_t kSandboxLines = 60;
  // From a container's start, as its adapter tells it, to the kernel's word on its first exec.
  static constexpr std::chrono::milliseconds kSeenWithin{200};

  struct Refused {
    std::string adapter;
    std::string runtime;
    std::string name;  // for people
    std::string why;
    bool seen = true;  // since its runtime's list began
  };

  // A sandbox's own processes on the host, of which no runtime has told yet.
  struct Waiting {
    adapter::AdapterEvent event;
    std::function<bool()> alive;  // is it still that process?
  };

  void of_guest(adapter::AdapterEvent event);
  void end_of_guest(const adapter::AdapterEvent& event);
  void wait_for_sandbox(const adapter::AdapterEvent& event);
  void sandbox_is_known(const adapter::AdapterEvent& event);
  struct Place {  // of a sandbox's container that no policy takes in
    std::string adapter;
    std::string runtime;
    std::string cgroup_path;
    int pid = 0;
  };

  static void answer(const adapter::AdapterEvent& event, const Result<>& result);
  void sandbox_starting(adapter::AdapterEvent event);
  void sandbox_container(adapter::AdapterEvent event);
  void sandbox_gone(const adapter::AdapterEvent& event);
  void look_again();
  void look_again_at(const std::string& sandbox_id);
  void count_found_running(const adapter::AdapterEvent& event);
  void container_starting(adapter::AdapterEvent event);
  void container_running(adapter::AdapterEvent event);
  void gone(const adapter::AdapterEvent& event);
  void listing(const adapter::AdapterEvent& event);
  void synced(const adapter::AdapterEvent& event);
  void begin_list(const adapter::AdapterEvent& event);
  void remember(const adapter::AdapterEvent& event, const Error& why);
  void tell_not_adopted(const adapter::AdapterEvent& event, const Error& why, std::uint64_t held);
  using Untagged = std::vector<std::pair<std::uint32_t, std::function<void(Result<>)>>>;  // by slot
  void tag_soon(std::uint32_t slot, std::function<void(Result<>)> done);
  Result<std::uint32_t> tag(const Untagged& waiting);
  void tag_unless_seen(const std::string& id, std::function<void(Result<>)> done);

  Parts p_;
  Throttle sandbox_lines_;  // records that are not taken
  Throttle refusal_lines_;  // containers beyond those that are remembered, and other reasons
  std::map<std::string, Refused> refused_;  // by container id; bounded
  std::map<std::string, Waiting> waiting_;  // by sandbox id; bounded
  std::map<std::string, Place> pauses_;     // by sandbox id; bounded
  std::optional<std::string> looked_at_;    // of pauses_, in order: the last; none: all have been
  std::uint64_t found_running_ = 0;
  std::vector<std::string> last_found_;  // their names, the last ones
  Untagged untagged_;
  bool tagging_ = false;
  std::vector<std::pair<std::string, std::function<void(Result<>)>>> unseen_;  // by container id
  asio::steady_timer seen_timer_;
  asio::steady_timer adopted_timer_;
  std::set<std::pair<std::string, std::string>> listing_;  // adapter, runtime: its list is coming
};

}  // namespace usher::agent
