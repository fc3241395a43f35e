// How the adapter stands: what NRI and CRI said last, as one health value and sentence.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "containerd/nri/client.hpp"
#include "containerd/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

class Standing {
 public:
  Standing(plugin::Host host, Mode mode) : host_(host), mode_(mode) {}

  void nri(nri::Client::State state, std::string sentence) {
    state_ = state;
    nri_ = std::move(sentence);
    tell();
  }
  // While CRI is listed: how that goes. 0: it is not.
  void cri(std::uint32_t health, std::string sentence) {
    cri_health_ = health;
    cri_ = std::move(sentence);
    tell();
  }
  // What keeps hooks from being injected. Empty: nothing does.
  void program(std::string problem) {
    if (problem != program_) {
      program_ = std::move(problem);
      tell();
    }
  }

  // Which runtimes have no hook by containerd's own word; empty: none that should. Before NRI has
  // said anything there is nothing to tell.
  void specs(std::string problem) {
    if (problem != specs_) {
      specs_ = std::move(problem);
      if (!nri_.empty()) {
        tell();
      }
    }
  }

  // What is wrong with the hook that is the gate; empty: nothing that was seen.
  void hook(std::string problem) {
    hook_ = std::move(problem);
    tell();
  }

 private:
  void tell() {
    auto [health, sentence] = standing();
    if (health != told_ || sentence != sentence_) {
      told_ = health;
      sentence_ = sentence;
      host_.set_health(health, sentence);
    }
  }
  std::pair<std::uint32_t, std::string> standing() const {
    if (!program_.empty()) {
      return {USHER_UNHEALTHY, program_};
    }
    if (state_ == nri::Client::State::registered) {
      if (!hook_.empty()) {
        return {USHER_DEGRADED, hook_};
      }
      return with_specs(nri_);
    }
    if (mode_ != Mode::closed) {
      return {USHER_UNHEALTHY,
              "containers start without asking the agent, as this mode's gate is "
              "NRI: " +
                  nri_};
    }
    if (state_ == nri::Client::State::refused) {
      return {USHER_DEGRADED, nri_};
    }
    if (cri_health_ == USHER_HEALTHY) {
      return with_specs(cri_ +
                        "; without NRI, which alone tells of pods' sandbox containers: " + nri_);
    }
    const bool lost = state_ == nri::Client::State::lost || cri_health_ == USHER_UNHEALTHY;
    return {lost ? USHER_UNHEALTHY : USHER_DEGRADED,
            nri_ + (cri_.empty() ? "" : "; " + cri_) +
                "; identities come from the containers' keys alone, pods' labels are not known"};
  }

  // Else all is well.
  std::pair<std::uint32_t, std::string> with_specs(const std::string& sentence) const {
    return specs_.empty() ? std::pair(std::uint32_t{USHER_HEALTHY}, sentence)
                          : std::pair(std::uint32_t{USHER_DEGRADED}, specs_ + "; " + sentence);
  }

  plugin::Host host_;
  Mode mode_;
  nri::Client::State state_ = nri::Client::State::absent;
  std::string nri_;
  std::string program_;
  std::uint32_t cri_health_ = 0;
  std::string cri_;
  std::string hook_;
  std::string specs_;
  std::uint32_t told_ = 0;
  std::string sentence_;
};

}  // namespace usher::containerd
