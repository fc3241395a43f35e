// Keeps the hook in place while the agent runs: installs it at the start, watches the directories
// on the agent's loop and mends what somebody removed or altered.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "cri-o/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::cri_o {

// All calls on the agent's loop. It does not fight: who alters the hook a fourth time within a
// minute has it their way, and the adapter is unhealthy until the agent starts again.
class Keeper {
 public:
  // `tell` hears how the hook stands, each time that changes: a USHER_HEALTHY… and a sentence.
  using Tell = std::function<void(std::uint32_t health, const std::string& sentence)>;

  static constexpr std::size_t kRepairs = 3;
  static constexpr std::chrono::seconds kWindow{60};

  Keeper(plugin::Host host, HookOptions options, Tell tell);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper();

  // Nothing fails here: what goes wrong is told and tried again.
  void start();
  // The hook stays, so that no container starts unseen while the agent is away, unless
  // uninstall_on_stop.
  void stop();

 private:
  void look();
  void watch();
  void unwatch();
  void look_in(std::chrono::nanoseconds delay);
  void mend(const std::vector<std::string>& what);
  void give_up(const std::string& what);
  void say_how_it_stands();
  void say(std::uint32_t health, const std::string& sentence);

  static void on_readable(void* self, std::uint32_t events);
  static void on_time(void* self, std::uint32_t events);

  plugin::Host host_;
  HookOptions options_;
  Tell tell_;
  const usher_loop* loop_ = nullptr;  // the host's, valid as long as it is
  Fd inotify_;
  std::uint64_t watch_ = 0;
  std::uint64_t timer_ = 0;
  std::deque<std::chrono::steady_clock::time_point> repairs_;
  std::string told_;
  bool installed_ = false;
  bool stopped_ = false;
};

}  // namespace usher::cri_o
