#include "containerd/hook_watch.hpp"

#include "base/escape.hpp"

namespace usher::containerd {

void HookWatch::called(const std::string& container) {
  if (mode_ == Mode::nri) {
    return;
  }
  if (called_.size() >= kMaxCalls) {
    called_.erase(called_.begin());
  }
  called_.insert(container);
}

void HookWatch::begin() {
  called_.clear();
  excused_.clear();
  bare_.clear();
}

void HookWatch::made_before(const std::string& container) {
  excused_.insert(container);
}

void HookWatch::gone(const std::string& container) {
  called_.erase(container);
  excused_.erase(container);
}

bool HookWatch::starting(const std::string& handler, const std::string& container) {
  if (mode_ == Mode::nri) {
    return false;
  }
  const bool was_called = called_.erase(container) != 0;
  const bool excused = excused_.erase(container) != 0;
  if (was_called) {
    return bare_.erase(handler) != 0;
  }
  if (excused) {
    return false;
  }
  ++missed_;
  return bare_.emplace(handler, container).second;
}

std::string HookWatch::problem() const {
  if (bare_.empty()) {
    return {};
  }
  std::string of;
  for (const auto& [handler, container] : bare_) {
    of += of.empty() ? "" : ", ";
    of += (handler.empty() ? "the default runtime" : "runtime " + escape(handler)) +
          " (container " + escape(container) + " was the first)";
  }
  return "started without the hook: " +
         std::string(mode_ == Mode::closed
                         ? "base spec not in force"
                         : "what NRI's CreateContainer adds does not reach the runtime") +
         (fails_open_ ? ", or its call did not reach the agent in time (fail = \"open\")," : "") +
         " for " + of +
         "; the agent let them start by NRI, but while it is dead such containers start "
         "unpoliced: see usherctl runtime verify containerd";
}

}  // namespace usher::containerd
