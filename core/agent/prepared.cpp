#include "agent/prepared.hpp"

#include <algorithm>
#include <asio/post.hpp>

namespace usher::agent {

namespace {

constexpr std::size_t kMerges = 2;

// What the selectors can know of a container of this pod before it is made.
identity::Identity some_container(identity::Identity sandbox) {
  sandbox.is_sandbox = false;
  sandbox.container_id.clear();
  sandbox.container_name.clear();
  sandbox.image.clear();
  return sandbox;
}

}  // namespace

void Prepared::expect(const std::string& runtime, const std::string& sandbox) {
  sweep();
  Key key(runtime, sandbox);
  if (held_.contains(key) || held_.size() + waiting_.size() >= kMaxPods) {
    return;
  }
  waiting_.push_back(std::move(key));
  wake();
}

void Prepared::wake() {
  if (waiting_.empty() || std::exchange(awake_, true)) {
    return;
  }
  asio::post(p_.loop, [this] {
    awake_ = false;
    if (waiting_.empty()) {
      return;
    }
    const auto key = std::move(waiting_.front());
    waiting_.pop_front();
    load(key);
    wake();
  });
}

void Prepared::load(const Key& key) {
  const auto* record = p_.sandboxes.find(key.first, key.second);
  if (record == nullptr || p_.enforcer.cells_used() > kMaxCells) {
    return;
  }
  const auto rules = p_.policies.resolve(some_container(*record), key.first);
  if (!rules || rules->policies.empty()) {
    return;
  }
  Held held{{}, p_.now() + kKept};
  loading_ = true;
  for (const auto merged : likely_merges()) {
    if (auto profile = p_.profiles.acquire(*rules, merged)) {
      held.profiles.push_back(std::move(*profile));
    }
  }
  loading_ = false;
  if (!held.profiles.empty()) {
    held_.insert_or_assign(key, std::move(held));
  }
}

// A profile depends on which of /bin, /lib… an image merges into /usr, which only its root tells:
// the images to come will mostly be like those that run here.
std::vector<std::uint32_t> Prepared::likely_merges() const {
  std::map<std::uint32_t, std::size_t> seen;
  for (const auto slot : p_.registry.slots()) {
    const auto& entry = *p_.registry.by_slot(slot);
    if (entry.attributed && !entry.workload.ended) {
      ++seen[entry.workload.placement.merged];
    }
  }
  std::vector<std::pair<std::size_t, std::uint32_t>> by_count;
  for (const auto& [merged, count] : seen) {
    by_count.emplace_back(count, merged);
  }
  std::ranges::sort(by_count, std::greater<>());
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < std::min(kMerges, by_count.size()); ++i) {
    out.push_back(by_count[i].second);
  }
  return out.empty() ? std::vector<std::uint32_t>{0} : out;
}

void Prepared::drop(const std::string& runtime, const std::string& sandbox) {
  const Key key(runtime, sandbox);
  held_.erase(key);
  std::erase(waiting_, key);
}

void Prepared::sweep() {
  std::erase_if(held_, [now = p_.now()](const auto& item) { return item.second.until <= now; });
}

void Prepared::renew() {
  for (auto& [key, held] : std::exchange(held_, {})) {
    waiting_.push_back(key);
  }
  wake();
}

bool Prepared::make_room() {
  if (loading_ || held_.empty()) {
    return false;
  }
  held_.clear();
  return true;
}

}  // namespace usher::agent
