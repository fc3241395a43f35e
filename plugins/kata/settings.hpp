// What an operator can choose in [adapters.kata].
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kata/places.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

inline constexpr std::uint32_t kDefaultPort = 4051;

struct Options {
  std::string root = "/";  // the node's, for what is installed there
  std::uint32_t port = kDefaultPort;
  std::vector<Place> places;
  bool named_places = false;  // by the operator
  bool vsock = false;
  bool check_cgroup = true;
  std::string run_dir = "/run/usher";
  std::chrono::milliseconds missing_after{10'000};
  bool missing_kill = false;
  bool missing_known = false;                      // also of containers that ran before
  std::vector<std::string> missing_handlers{"*"};  // globs: whose containers have a hook
  std::string cri_socket;                          // empty: CRI is not asked
  std::chrono::milliseconds cri_deadline{1000};

  // Throws plugin::Failure that names the setting. Keys of the installer are left to it.
  static Options from(const plugin::Settings& settings);
};

}  // namespace usher::kata
