// Whether the OCI hook, which is the gate of `closed` and `inject`, is called for what starts.
// NRI tells of each start, the hook of each call: one without the other shows that a container's
// runtime specification has no hook in it, and that nothing would stop it without the agent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "containerd/install/settings.hpp"

namespace usher::containerd {

// [main] A value: it asks and tells nobody.
class HookWatch {
 public:
  // Hook calls of containers that have not started; each is forgotten at its start.
  static constexpr std::size_t kMaxCalls = 4096;

  // `fails_open`: a hook that got no answer lets its container start.
  explicit HookWatch(Mode mode, bool fails_open = false) : mode_(mode), fails_open_(fails_open) {}

  // The hook was called for that container.
  void called(const std::string& container);
  // A new list begins: what was found out was of another registration.
  void begin();
  // Of the list: its hook may have been called while nobody listened.
  void made_before(const std::string& container);
  void gone(const std::string& container);
  // A container of that runtime handler is about to start. True: problem() changed.
  bool starting(const std::string& handler, const std::string& container);

  // What is wrong, for an operator; empty: nothing that was seen.
  std::string problem() const;
  // Starts without a call, since the agent's start.
  std::uint64_t missed() const { return missed_; }

 private:
  Mode mode_;
  bool fails_open_;
  std::set<std::string, std::less<>> called_;
  std::set<std::string, std::less<>> excused_;
  std::map<std::string, std::string> bare_;  // handlers, with the first container without a call
  std::uint64_t missed_ = 0;
};

}  // namespace usher::containerd
