// What an operator can choose in [adapters.containerd].
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "containerd/nri/answers.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

// Who stops a container that nobody let start; docs/containerd.md has the table.
enum class Gate {
  closed,  // the hook in the base runtime spec; NRI beside it
  nri,     // NRI's StartContainer alone
  inject,  // a hook that NRI's CreateContainer adds
};

struct Options {
  std::string root = "/";
  Gate gate = Gate::closed;
  std::string nri_socket;
  std::string nri_name = "usher";
  std::string nri_index = "10";
  std::string cri_socket;
  std::chrono::milliseconds cri_deadline{1000};
  std::vector<std::string> kata_handlers = {"kata", "kata-*"};
  nri::Hooks injected;  // with Gate::inject

  // Throws plugin::Failure that names the setting.
  static Options from(const plugin::Settings& settings);
};

}  // namespace usher::containerd
