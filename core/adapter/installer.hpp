// What `usherctl runtime …` asks of an adapter: the changes that a runtime's configuration needs.
// Blocking, without a loop and without an agent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "adapter/host.hpp"
#include "base/error.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

struct InstallStep {
  enum class Kind : std::uint8_t { create, replace, remove, keep, manual } kind;
  std::string path;  // on the node; empty where none
  std::string what;  // a sentence
  std::string diff;  // unified, or empty
};

struct InstallReport {
  std::vector<InstallStep> steps;
  std::vector<std::string> problems;  // each says what is wrong and how to mend it
  bool ok = false;
  std::string error;  // where not ok
};

class Installer {
 public:
  // A name in `directory` or a path of an .so. Errors: as the host's loading; no usher.install/1.
  static Result<Installer> open(const std::string& name_or_path,
                                const std::filesystem::path& directory,
                                bool trust_any_owner = false);

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }

  // `settings` are the adapter's own keys (docs/plugin-abi.md), "root" the prefix of every path.
  InstallReport plan(const Config& settings) const;
  InstallReport install(const Config& settings) const;
  InstallReport verify(const Config& settings) const;
  InstallReport uninstall(const Config& settings) const;

 private:
  Installer() = default;

  std::string name_;
  std::string version_;
  usher_install functions_{};  // valid for ever: libraries are never closed
};

}  // namespace usher::adapter
