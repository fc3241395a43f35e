// An adapter's shared object: found, checked, opened. It is never closed again: code of a library
// may be on another thread's stack, and threads may outlive their adapter.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

struct Library {
  std::filesystem::path path;  // without links
  std::string name;
  std::string version;
  std::vector<std::string> runtimes;
  usher_plugin plugin;  // members that the adapter's version lacks are null

  // The adapter's table of an extension, or null; `T` begins with its size.
  template <class T>
  const T* extension(std::string_view id) const {
    return plugin.extension == nullptr
               ? nullptr
               : static_cast<const T*>(plugin.extension({id.data(), id.size()}));
  }
};

// The file and every directory above it must be root's and not writable by group or others (a
// sticky directory such as /tmp is taken); `trust_any_owner` leaves out whose they are. Errors name
// the path that is not as it should be, or what the descriptor lacks.
Result<Library> open_library(const std::filesystem::path& path, bool trust_any_owner);

// *.so in `directory`, by name. A directory that is not there holds none.
Result<std::vector<std::filesystem::path>> find_libraries(const std::filesystem::path& directory);

// A name in `directory`, or, where it has a '/', a path.
std::filesystem::path library_path(const std::string& name_or_path,
                                   const std::filesystem::path& directory);

}  // namespace usher::adapter
