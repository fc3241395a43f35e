// What the node's own containerd and ctr say.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "containerd/install/generation.hpp"
#include "containerd/install/settings.hpp"
#include "containerd/install/toml_view.hpp"
#include "install/command.hpp"
#include "install/node.hpp"

namespace usher::containerd {

// Runs them, each for a bounded time. Without a program of the options' choice they are looked for
// beside the containerd that runs with this configuration, then where programs usually lie below
// the node's root, and run with it as their root directory.
class Programs {
 public:
  Programs(const InstallOptions& options, const install::Node& node)
      : options_(options), node_(node) {}

  Result<Generation> generation() const;
  // The whole configuration with all defaults, as containerd reads the file at `config` (a path on
  // the node) and what it imports. Errors: those with which it would not start.
  Result<TomlView> dump(const std::string& config) const;
  Result<std::string> default_spec() const;
  // The command that runs the node's containerd with these arguments.
  Result<std::vector<std::string>> containerd(std::vector<std::string> arguments) const;
  static std::vector<std::string> environment();
  // A path on the node, as containerd sees it.
  std::string seen_by_containerd(const std::string& path) const {
    return seen(path, options_.containerd);
  }
  // `ctr plugins ls` of the containerd that serves `address`, a line each.
  Result<std::string> plugins(const std::string& address) const;

 private:
  Result<std::vector<std::string>> command(const std::string& program, const std::string& chosen,
                                           std::vector<std::string> arguments) const;
  Result<install::Output> run(const std::string& program, const std::string& chosen,
                              std::vector<std::string> arguments) const;
  // A path on the node, as a program that run() starts sees it.
  std::string seen(const std::string& path, const std::string& chosen) const;

  const InstallOptions& options_;
  const install::Node& node_;
};

}  // namespace usher::containerd
