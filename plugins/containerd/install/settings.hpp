// What an operator can choose of containerd's installation, in [adapters.containerd] or on the
// command line of `usherctl runtime`.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/install/kata.hpp"
#include "install/options.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

enum class Mode { closed, nri, inject };

struct InstallOptions : install::Options {
  Mode mode = Mode::closed;
  std::string config = "/etc/containerd/config.toml";
  std::string spec_dir = "/etc/usher/containerd";
  std::vector<std::string> runtimes;  // empty: all but Kata's
  std::vector<std::string>
      kata_handlers;  // globs of runtimes' names, beside those whose type says so
  // Where the adapter asks, as it sees them; empty where they are not to be compared.
  std::string nri_socket;
  std::string cri_socket;
  // As seen from here. Empty: the node's own, run with the node's root directory.
  std::string containerd;
  std::string ctr;
  // False: the edited configuration is read by containerd, but it is not started on it.
  bool try_start = true;

  // Keys that it does not know are the adapter's. Throws plugin::Failure that names the setting.
  static InstallOptions from(const plugin::Settings& settings);

  std::string spec_path(const std::string& runtime_name) const;
  std::string backup_dir() const { return spec_dir + "/backup"; }
  // Says whose base specs lie there: the path of the configuration.
  std::string owner_path() const { return spec_dir + "/configuration"; }
  std::string backup_path(const std::string& file) const;
};

const char* name_of(Mode mode);

// Is a runtime of that name and type one that gets the hook in Mode::closed? `options`: this, or
// the adapter's.
template <class Options>
bool gets_hook(const Options& options, const std::string& name, std::string_view type) {
  const auto& named = options.runtimes;
  return options.mode == Mode::closed &&
         (named.empty() || std::ranges::find(named, name) != named.end()) && !is_kata(name, type) &&
         !is_among(options.kata_handlers, name);
}

}  // namespace usher::containerd
