// containerd's configuration: the root file and all that it imports, as that version of containerd
// reads them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "containerd/install/generation.hpp"
#include "containerd/install/toml_view.hpp"
#include "install/node.hpp"

namespace usher::containerd {

struct ConfigFile {
  std::string path;               // on the node
  std::string text;               // as it lies there
  std::string clean;              // without Usher's lines
  TomlView view;                  // of one of the two, as read_config was asked
  std::vector<std::string> left;  // lines of Usher's that somebody has changed
};

struct Runtime {
  std::string name;
  std::string type;
  std::string base_spec;  // empty: none
  // Its containers run in a virtual machine: the node's kernel does not see their processes.
  bool kata = false;
  std::size_t file = 0;  // where its base_runtime_spec stands, or would be written
};

struct Nri {
  std::string socket = "/var/run/nri/nri.sock";
  std::string disabled;  // not empty: the place of a disabled_plugins that names it
  // What keeps plugins out, and must be false: the file where that is to be written, and the key.
  std::vector<std::pair<std::size_t, std::string>> off;
};

struct Config {
  Generation generation;
  int version = 0;                // of the root file
  bool missing = false;           // there is no root file; files[0] is empty then
  bool blank = false;             // it says nothing
  std::vector<ConfigFile> files;  // in the order in which they are read; the root first
  std::vector<Runtime> runtimes;  // in name order
  Nri nri;
  std::string address = "/run/containerd/containerd.sock";  // of its API, CRI's among them

  std::string root = "/var/lib/containerd";  // where it keeps what it has

  KeyPath runtime_table(const std::string& runtime) const;
};

inline const KeyPath kNriTable = {"plugins", "io.containerd.nri.v1.nri"};
inline constexpr std::size_t kMaxConfig = 4U << 20;

enum class Ours { seen, taken_back };

// Errors, with the file and the line: what containerd would not start with, version 1, and what an
// edit could not be sure of (files of different versions, CRI among disabled_plugins).
Result<Config> read_config(const install::Node& node, const std::string& path,
                           const Generation& generation, Ours ours);

}  // namespace usher::containerd
