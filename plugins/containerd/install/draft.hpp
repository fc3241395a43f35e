// What the node's files must be for a mode: worked out from what is there, without writing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "containerd/install/config.hpp"
#include "containerd/install/programs.hpp"
#include "containerd/install/settings.hpp"
#include "install/node.hpp"

namespace usher::containerd {

struct DraftFile {
  std::string path;                   // on the node
  std::optional<std::string> before;  // nothing: it is not there
  std::string after;
};

struct Draft {
  Generation generation;
  Config config;                     // without Usher's lines
  std::vector<DraftFile> specs;      // base specs, one a runtime
  std::vector<DraftFile> files;      // of the configuration, all that there are
  std::vector<Runtime> runtimes;     // those that get the hook
  std::vector<std::string> skipped;  // sentences: who gets none, and why
  bool nri = false;                  // is to be on
};

// `program`: the hook's on the node. Throws plugin::Failure, before anything was written, for
// whatever cannot be: no containerd, a configuration that cannot be edited, a mode that this
// containerd does not have, a runtime that is not there or is Kata's.
Draft make_draft(const InstallOptions& options, const install::Node& node, const Programs& programs,
                 const std::string& program);

// Does the configuration at `path`, as containerd itself reads it, hold what the draft is for? An
// empty text, or what is missing.
std::string missing_in(const TomlView& dump, const Draft& draft, const InstallOptions& options);

}  // namespace usher::containerd
