// All hook files that a runtime reads, as it reads them: the file names of all its directories in
// one order, a later directory's file in the place of an earlier one of the same name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cri-o/schema.hpp"
#include "install/node.hpp"

namespace usher::cri_o {

struct FoundHook {
  std::filesystem::path path;  // on the node
  std::string content;         // empty where it cannot be read
  Result<HookDefinition> definition;
  std::string replaced_by;  // the file that takes its place, or empty
  // The runtime leaves it out without a word, as its program is not there.
  bool program_missing = false;

  bool takes_part() const {
    return definition && !program_missing && replaced_by.empty() && !definition->never;
  }
};

// In the order in which the runtime calls them within one stage: by name, letters' case aside.
// Directories that are not there are passed over. Errors: a directory that cannot be listed.
Result<std::vector<FoundHook>> survey(const install::Node& node,
                                      const std::vector<std::string>& dirs);

}  // namespace usher::cri_o
