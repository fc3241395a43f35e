#include "enforce/cgroup_root.hpp"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <sstream>
#include <string>

#include "base/file.hpp"

namespace usher::enforce {

namespace {

// mountinfo writes space, tab, newline and backslash as \ and three octal digits.
std::string unescape_octal(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

Result<std::filesystem::path> find_cgroup_root(std::string_view mountinfo) {
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    std::istringstream head(line);
    std::string id;
    std::string parent;
    std::string device;
    std::string root;
    std::string point;
    if (dash != std::string::npos && head >> id >> parent >> device >> root >> point &&
        root == "/" && line.compare(dash + 3, 8, "cgroup2 ") == 0) {
      return unescape_octal(point);
    }
  }
  return fail(
      "no cgroup2 file system is mounted whole: mount one (mount -t cgroup2 none "
      "/sys/fs/cgroup/unified)");
}

Result<std::filesystem::path> cgroup_root_or_found(const std::filesystem::path& wanted) {
  if (wanted.empty()) {
    auto text = read_file("/proc/self/mountinfo");
    if (!text) {
      return std::unexpected(std::move(text.error()));
    }
    return find_cgroup_root(*text);
  }
  struct statfs info{};
  if (::statfs(wanted.c_str(), &info) != 0) {
    return fail_system(fmt::format("cannot look at the cgroup root {}", wanted.string()));
  }
  if (info.f_type != CGROUP2_SUPER_MAGIC) {
    return fail(fmt::format("{} is not a cgroup2 file system: name the mount point of one",
                            wanted.string()));
  }
  return wanted;
}

}  // namespace usher::enforce
