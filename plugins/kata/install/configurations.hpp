// Kata's configurations on a node: which directories have one, what it says, and where drop-ins of
// ours go.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "install/node.hpp"

namespace usher::kata {

inline constexpr const char* kDropIn = "60-usher.toml";

// Of one [hypervisor.NAME], with all drop-ins in their order, ours left out.
struct Hypervisor {
  std::string guest_hook_path;
  std::string guest_hook_path_from;             // the file that says it
  std::vector<std::string> enable_annotations;  // patterns
};

struct Configuration {
  std::string file;     // "/etc/kata-containers/configuration.toml"
  std::string shim;     // of …/runtimes/SHIM; empty: not there
  std::string drop_in;  // where ours goes
  std::map<std::string, Hypervisor> hypervisors;
  std::vector<std::string> bind_mounts;  // [runtime] sandbox_bind_mounts
  // A drop-in that is read after ours and says something of what ours says.
  std::vector<std::string> over_ours;
};

struct Configurations {
  std::vector<Configuration> found;
  std::vector<std::string> problems;  // of those that cannot be told
};

// Where Kata's packages and operators put them. A directory with several configurations and no
// configuration.toml is a problem: drop-ins there are read for each of them.
Configurations configurations_of(const install::Node& node);

// What `text` says; errors name where.
Result<Configuration> read_configuration(const std::string& text);

// The patterns of `enabled` that let a pod's author set `annotation`
// (io.katacontainers.config.hypervisor.NAME), or that cannot be read.
std::vector<std::string> patterns_for(const std::vector<std::string>& enabled,
                                      const std::string& annotation);

}  // namespace usher::kata
