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
  std::vector<std::string> kata_handlers;
  bool fails_open = false;            // the hook, where it gets no answer
  std::vector<std::string> runtimes;  // those that get the hook with Mode::closed; empty: all
  nri::Hooks injected;                // with Mode::inject
  std::string program;                // that the injected hooks name, on the node

  // Throws plugin::Failure that names the setting.
  static Options from(const plugin::Settings& settings);

  // Empty, or why hooks cannot be injected: what they name is not there, and a container that names
  // it could not be made. A stat: for each call.
  std::string program_problem() const;
};

}  // namespace usher::containerd
