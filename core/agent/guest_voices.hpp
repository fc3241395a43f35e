// How much may be told of what guests do: of each sandbox, and of all of them. Who makes noise in
// one must not silence what is told of another, nor one kind of noise the next.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "agent/throttle.hpp"

namespace usher::agent {

class GuestVoices {
 public:
  struct Bounds {
    std::uint32_t of_kind = 6;  // a minute, of one sandbox
    std::uint32_t of_all = 600;
    std::size_t kinds = 32;  // what is beyond shares one
    std::size_t sandboxes = 8192;
  };
  explicit GuestVoices(Throttle::Now now, Bounds bounds)
      : now_(std::move(now)), bounds_(bounds), all_(bounds.of_all, kWindow, now_) {}

  // As Throttle::pass.
  std::optional<std::uint64_t> pass(const std::string& sandbox, const std::string& kind) {
    if (sandboxes_.size() >= bounds_.sandboxes && !sandboxes_.contains(sandbox)) {
      sandboxes_.clear();
    }
    auto& kinds = sandboxes_[sandbox];
    const bool is_one_more = kinds.size() >= bounds_.kinds && !kinds.contains(kind);
    auto& own =
        kinds.try_emplace(is_one_more ? "" : kind, bounds_.of_kind, kWindow, now_).first->second;
    const auto held = own.pass();
    return held && all_.pass() ? held : std::nullopt;
  }
  void forget(const std::string& sandbox) { sandboxes_.erase(sandbox); }

 private:
  static constexpr std::chrono::seconds kWindow{60};

  Throttle::Now now_;
  Bounds bounds_;
  Throttle all_;
  std::map<std::string, std::map<std::string, Throttle>> sandboxes_;
};

}  // namespace usher::agent
