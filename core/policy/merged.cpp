#include "policy/merged.hpp"

#include "policy/keyed_hash.hpp"

namespace usher::policy {

bool begins_merged(std::string_view path, std::uint32_t merged) {
  const std::string_view first = take_component(path);
  for (std::size_t i = 0; i < kMergedNames.size(); ++i) {
    if ((merged & (1U << i)) != 0 && first == kMergedNames[i]) {
      return true;
    }
  }
  return false;
}

std::string read_merged(std::string_view path, std::uint32_t merged) {
  return begins_merged(path, merged) ? "/usr" + std::string(path) : std::string(path);
}

PathPattern read_merged(const PathPattern& pattern, std::uint32_t merged) {
  if (pattern.form == PathPattern::Form::base) {
    return pattern;
  }
  const bool below = pattern.path.find('/', 1) != std::string::npos;
  if (!below && pattern.form != PathPattern::Form::tree) {
    return pattern;
  }
  return {pattern.form, read_merged(pattern.path, merged)};
}

}  // namespace usher::policy
