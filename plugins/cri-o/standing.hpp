// How the adapter stands, of which it has two sides: the runtime's records and the hook in its
// directory. The host hears the worse of both health values and both sentences.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "usher/plugin.hpp"

namespace usher::cri_o {

class Standing {
 public:
  explicit Standing(plugin::Host host) : host_(host) {}

  void records(std::uint32_t health, const std::string& sentence) {
    records_ = {health, sentence};
    tell();
  }
  void hook(std::uint32_t health, const std::string& sentence) {
    hook_ = {health, sentence};
    tell();
  }

 private:
  struct Side {
    std::uint32_t health = USHER_HEALTHY;
    std::string sentence;
  };

  void tell() {
    const bool both = !records_.sentence.empty() && !hook_.sentence.empty();
    host_.set_health(std::max(records_.health, hook_.health),
                     hook_.sentence + (both ? "; " : "") + records_.sentence);
  }

  plugin::Host host_;
  Side records_;
  Side hook_;
};

}  // namespace usher::cri_o
