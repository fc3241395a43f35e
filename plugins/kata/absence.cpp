#include "kata/absence.hpp"

#include <utility>

namespace usher::kata {

Absence::Container* Absence::of(const std::string& sandbox, const std::string& container) {
  auto& containers = sandboxes_[sandbox];
  if (containers.size() >= kMaxContainers && !containers.contains(container)) {
    return nullptr;
  }
  return &containers[container];
}

Absence::Container* Absence::told(const std::string& sandbox, const std::string& container) {
  auto& containers = sandboxes_[sandbox];
  if (containers.size() >= kMaxContainers && !containers.contains(container)) {
    std::erase_if(containers,
                  [](const auto& one) { return !one.second.known && !one.second.granted; });
  }
  auto* it = of(sandbox, container);
  if (it != nullptr) {
    it->known = true;
  }
  return it;
}

void Absence::starting(const std::string& sandbox, const std::string& container) {
  if (auto* it = told(sandbox, container)) {
    it->seen_starting = true;
  }
}

void Absence::judged(const std::string& sandbox, const std::string& container, bool granted) {
  auto* it = of(sandbox, container);
  if (it == nullptr) {
    return;
  }
  it->granted = it->granted || granted;
  it->refused = it->refused || !granted;
  if (it->granted) {
    it->due.cancel();
  }
}

void Absence::running(const std::string& sandbox, const std::string& container) {
  auto* it = told(sandbox, container);
  if (it == nullptr || it->granted || it->told || it->due || !(it->seen_starting || known_too_)) {
    return;
  }
  auto timer = loop_.timer(after_, [this, sandbox, container](std::uint32_t) {
    const auto at = sandboxes_.find(sandbox);
    if (at == sandboxes_.end() || !at->second.contains(container)) {
      return;
    }
    auto& due = at->second[container];
    due.due.cancel();
    due.told = true;
    missing_(sandbox, container, due.refused);
  });
  if (timer) {
    it->due = std::move(*timer);
  }
}

void Absence::gone(const std::string& sandbox, const std::string& container) {
  if (const auto at = sandboxes_.find(sandbox); at != sandboxes_.end()) {
    at->second.erase(container);
    if (at->second.empty()) {
      sandboxes_.erase(at);
    }
  }
}

}  // namespace usher::kata
