#include "containerd/install/generation.hpp"

#include <charconv>

#include "base/escape.hpp"

namespace usher::containerd {

// "containerd github.com/containerd/containerd/v2 v2.1.9 REVISION"; the v is Debian's to leave out.
Result<Generation> generation_of(std::string_view version_line) {
  const auto unknown = [&] {
    return fail("it says \"" + escape(version_line.substr(0, 100)) +
                "\", where a containerd says its version");
  };
  std::string_view rest = version_line;
  for (int skipped = 0; skipped < 2; ++skipped) {
    const auto space = rest.find(' ');
    if (space == std::string_view::npos ||
        (skipped == 0 && rest.substr(0, space) != "containerd")) {
      return unknown();
    }
    rest.remove_prefix(space + 1);
  }
  if (rest.starts_with('v')) {
    rest.remove_prefix(1);
  }
  Generation out;
  const char* const end = rest.data() + rest.size();
  const auto major = std::from_chars(rest.data(), end, out.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.' ||
      std::from_chars(major.ptr + 1, end, out.minor).ec != std::errc()) {
    return unknown();
  }
  if (out.major < 1 || (out.major == 1 && out.minor < 6)) {
    return fail("containerd " + std::to_string(out.major) + "." + std::to_string(out.minor) +
                " is older than 1.6, the first that Usher knows; upgrade it");
  }
  return out;
}

}  // namespace usher::containerd
