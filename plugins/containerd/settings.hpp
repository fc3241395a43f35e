// What an operator can choose in [adapters.containerd].
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "containerd/install/settings.hpp"
#include "containerd/nri/answers.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

struct Options {
  std::string root = "/";
  Mode mode = Mode::closed;  // who stops a container that nobody let start: docs/containerd.md
  std::string nri_socket;
  std::string nri_name = "usher";
  std::string nri_index = "10";
  std::string cri_socket;
  std::chrono::milliseconds cri_deadline{1000};
  std::vector<std::string> kata_handlers = {"kata", "kata-*"};
  nri::Hooks injected;  // with Mode::inject

  // Throws plugin::Failure that names the setting.
  static Options from(const plugin::Settings& settings);
};

}  // namespace usher::containerd
