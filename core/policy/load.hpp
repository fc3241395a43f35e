// TOML to policies. Strict: an unknown key, a wrong type or a bad value is a diagnostic with file,
// line and column.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.hpp"

namespace usher::policy {

struct LoadResult {
  std::vector<std::shared_ptr<const Policy>> policies;
  std::vector<Diagnostic> errors;    // a file with an error gives no policy
  std::vector<Diagnostic> warnings;  // selectors that an author can opt out of, …
};

// One file's text. `file` is only for messages.
LoadResult parse_policy(std::string_view text, const std::string& file);

// Every *.toml in `directory`, by name; hidden files (a ConfigMap's ..data and the like) are left
// out, links followed. Two policies of one name are an error that names both files. An unreadable
// directory is an error.
LoadResult load_directory(const std::filesystem::path& directory);

// The same for texts by file name, wherever they came from.
LoadResult load_texts(const std::map<std::string, std::string>& texts);

}  // namespace usher::policy
