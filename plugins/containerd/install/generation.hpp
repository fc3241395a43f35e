// Which containerd is here, and what that means for its configuration.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::containerd {

struct Generation {
  int major = 0;
  int minor = 0;

  // An imported file's tables are merged with those before it; else a whole plugin's are replaced.
  bool merges() const { return major >= 2; }
  bool has_nri() const { return major >= 2 || minor >= 7; }
  bool nri_on_by_default() const { return major >= 2; }
  // The newest `version` of its configuration file.
  int newest_file() const { return major < 2 ? 2 : (minor >= 3 || major > 2 ? 4 : 3); }
  // For a file that is made anew.
  int plain_file() const { return major < 2 ? 2 : 3; }
};

// From what `containerd --version` prints. Errors: it is not that, or older than 1.6.
Result<Generation> generation_of(std::string_view version_line);

}  // namespace usher::containerd
