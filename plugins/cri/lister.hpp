// An adapter's feed from CRI: lists what a runtime has when it is there, and again whenever it has
// come back; each list ends with synced.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cri/client.hpp"
#include "usher/plugin.hpp"

namespace usher::cri {

inline constexpr std::string_view kSource = "cri (the runtime's own record)";

// What a sandbox's record says of its pod, as an adapter publishes it.
plugin::Identity identity_of(const Sandbox& sandbox, std::string_view source = kSource);

// Fills in namespace, labels and handler of `who` from its sandbox's record. Throws plugin::Failure
// where the record says another pod than `who`.
void join(plugin::Identity& who, const Sandbox& sandbox, std::string_view source = kSource);

// [main]
class Lister {
 public:
  struct Options {
    std::string runtime;  // as events name it
    std::string socket;
    std::chrono::milliseconds deadline{1000};
    std::chrono::milliseconds first_pause{100};  // until the next try, doubled up to
    std::chrono::milliseconds longest_pause{5000};
    // False: an empty runtime handler in its records is none that it tells, not the default one.
    bool tells_handlers = true;
    // Whose containers are another kernel's: they are not told. May be empty.
    std::function<bool(const Sandbox&)> elsewhere;
    // Told at each change: USHER_HEALTHY, USHER_DEGRADED (never reached yet, or an answer was
    // missed since), USHER_UNHEALTHY.
    std::function<void(std::uint32_t health, const std::string& reason)> health;
  };
  Lister(plugin::Host host, Options options);
  Lister(const Lister&) = delete;
  Lister& operator=(const Lister&) = delete;

  Client& client() { return client_; }
  void start();
  // A question got no answer: degraded with that reason, and lists again, at once where the last
  // list was complete; a complete list says that all is well again.
  void missed(const std::string& why);
  // Ends every question over CRI as well. `stopped` is called once, maybe at once.
  void stop(std::function<void()> stopped);

 private:
  Detached run();
  Task<Result<>> list();
  Task<Result<>> publish_sandboxes(std::map<std::string, Sandbox>& known);
  Task<Result<>> publish_containers(const std::map<std::string, Sandbox>& known);
  Task<Result<>> publish(std::uint32_t kind, plugin::Identity who, int pid);
  void tell(std::uint32_t health, const std::string& reason);
  void problems(const std::vector<std::string>& of);
  struct Pause;

  plugin::Host host_;
  Options options_;
  Loop loop_;
  Client client_;
  std::uint32_t health_ = 0;
  std::string reason_;
  bool running_ = false;
  bool stopping_ = false;
  bool lost_ = false;
  bool missed_ = false;             // an answer, since the last list began
  bool idle_ = false;               // run() waits for something to happen
  std::coroutine_handle<> waiter_;  // of run(), in a pause
  Registration timer_;
  std::function<void()> stopped_;
};

}  // namespace usher::cri
