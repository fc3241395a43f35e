// A guest's runtime in small, for tests of the hook's own binary: the hooks' folder, a process that
// waits to become a container, and a relay on a unix socket.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "usher/guest/v1/relay.pb.h"

namespace usher::test {

// Takes connections on a unix socket and gives each to `serve`, one after the other, on a thread of
// its own.
class Relay {
 public:
  Relay(const std::filesystem::path& socket, std::function<void(int peer)> serve);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();

 private:
  Fd fd_;
  std::function<void(int)> serve_;
  std::jthread thread_;
};

// What a relay's `serve` does.
guest::v1::Claim read_claim(int peer);
guest::v1::FromHost verdict_for(const guest::v1::Claim& claim, guest::v1::Verdict::Word word,
                                const std::string& message = {});
void send_frame(int peer, const std::string& payload);
void send_bytes(int peer, const std::string& bytes);
void until_closed(int peer);
pid_t peer_pid(int peer);
pid_t only_child_of(pid_t pid);
void kill_only_child_of(pid_t pid);  // and waits until it has ended
// Stops a watchdog that has let go of all that it has from the hook, and waits until it stands.
void stop_watchdog(pid_t watchdog);
// A child of this process, or 0.
pid_t child_but(pid_t excepted);

class GuestWorld {
 public:
  // With a configuration that names relay_path() and a deadline of 1500 ms, and `more` lines.
  explicit GuestWorld(const std::string& more = {});
  GuestWorld(const GuestWorld&) = delete;
  GuestWorld& operator=(const GuestWorld&) = delete;
  ~GuestWorld();

  struct Ended {
    int status = -1;  // exit status, or -signal
    std::string said;
    std::chrono::milliseconds took{0};  // until its streams were closed and it had ended
    bool streams_held = false;          // by somebody, long after it had ended
  };

  // Runs <folder>/STAGE/usher-hook STAGE, as the runtime would.
  Ended run(const std::string& stage, const std::string& state);
  Ended run(const std::string& stage = "prestart") { return run(stage, state()); }

  void configure(const std::string& text) const;
  // Of the hooks that are run from now on: standard output and standard error.
  void close_streams() { streams_closed_ = true; }
  std::filesystem::path relay_path() const { return root_ / "relay"; }
  std::filesystem::path root() const { return root_; }
  std::string state() const;
  std::string state_of(const std::string& pid) const;

  // Both after all that the hook left behind has ended.
  bool container_was_killed();
  bool container_waits() { return !container_was_killed(); }

  pid_t container() const { return container_; }

 private:
  // Until no child is left but the container: the watchdog becomes ours when the hook ends.
  void wait_for_others();

  std::filesystem::path root_;
  pid_t container_ = 0;
  bool streams_closed_ = false;
  Fd alive_;  // it answers each byte with a byte
};

}  // namespace usher::test
