// One rule's trial of an adapter: a simulated agent of which the rule says how it behaves.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapter/bridge.hpp"
#include "adapter/library.hpp"

namespace usher::adapter {

// What a trial found. A failure outweighs a warning, that a skip.
struct Findings {
  std::vector<std::string> failures;
  std::vector<std::string> warnings;
  std::string skipped;
};

// Notes `what` where the rule is broken; says whether it is.
inline bool fails(Findings& findings, bool broken, std::string what) {
  if (broken) {
    findings.failures.push_back(std::move(what));
  }
  return broken;
}

// How long an adapter may take to show what it does.
constexpr std::chrono::milliseconds kLook{300};

// Knows no guest container, and listens.
class NoGuests final : public GuestDesk {
 public:
  Result<GuestGrant> claim(const std::string&, const GuestClaim&) override {
    return fail("the simulated agent knows no guest containers", EAGAIN);
  }
  void report(const std::string&, const std::string&, GuestStage) override {}
  void session(const std::string&, const std::string&, GuestSession) override {}
  void no_session(const std::string&) override {}
  void told(const std::string&, std::string_view) override {}
  void warn(const std::string&, int, const std::string&, const std::string&, const std::string&,
            const std::string&) override {}
};

// One instance of the adapter, from create to destroy, and what the agent saw of it. One thread.
class Trial {
 public:
  enum class Answers : std::uint8_t { at_once, never, refused, slowly };
  struct Agent {
    Answers answers = Answers::at_once;
    bool bare = false;  // offers no extension, as the smallest host of version 1.0 may
  };

  Trial(const Library& library, const Config& settings, Findings& findings, Agent agent);
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  ~Trial();

  // False where the adapter says no; `why()` is its reason.
  bool create();
  bool start();
  // Runs the loop until the instance says stopped; a failure where it does not in time.
  void stop();
  void destroy();
  // create and start; skips the rule where the adapter says no.
  bool run();

  void run_for(std::chrono::milliseconds time);
  bool run_until(const std::function<bool()>& done, std::chrono::milliseconds limit);
  // An OCI state to identify, and how often it was answered.
  void ask(std::string_view raw, std::string_view id,
           const std::map<std::string, std::string>& annotations);
  std::size_t open_questions() const { return open_; }
  std::size_t questions() const { return questions_; }

  const std::string& why() const { return why_; }
  const std::vector<AdapterEvent::Kind>& events() const { return kinds_; }
  Findings& findings() { return findings_; }

 private:
  void take(AdapterEvent event);
  std::int32_t call(const char* what, const std::function<std::int32_t(usher_error*)>& function);
  void report_misuse();

  const Library& library_;
  const Config& settings_;
  Findings& findings_;
  const Agent agent_;
  asio::io_context loop_{1};
  NoGuests guests_;
  Bridge& bridge_;
  usher_host table_;
  void* instance_ = nullptr;
  bool started_ = false;
  bool stopped_ = false;
  std::string why_;
  std::vector<AdapterEvent::Kind> kinds_;
  struct Held {
    AdapterEvent event;
    std::chrono::steady_clock::time_point due;  // when an agent that is slow answers it
  };
  std::deque<Held> held_;
  std::vector<std::string> said_;  // what the host said of its misbehaviour
  std::size_t questions_ = 0;
  std::size_t open_ = 0;
};

}  // namespace usher::adapter
