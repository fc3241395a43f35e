// Where a container's root is, of which only a hook's word is there: the hooks of one system send
// the bundle, the root, or both glued together.
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "identity/cgroup_path.hpp"
#include "identity/placement.hpp"

namespace usher::identity {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxConfig = 16U << 20;
constexpr std::size_t kShown = 256;

std::string shown(const std::string& path) {
  return escape(path.substr(0, kShown)) + (path.size() > kShown ? "… (cut)" : "");
}

std::string text_at(const nlohmann::json& config, const char* where) {
  const nlohmann::json::json_pointer pointer(where);
  return config.is_object() && config.contains(pointer) && config.at(pointer).is_string()
             ? config.at(pointer).get<std::string>()
             : std::string();
}

// root.path of the bundle in `directory`; empty where there is none, or it is not the bundle of the
// container in that cgroup. An image can hold a config.json as well, but not this container's
// cgroup in it: that has the container's id, which was not there when the image was made.
std::string root_of_bundle(const fs::path& directory, const std::string& cgroup) {
  const auto text = read_file(directory / "config.json", kMaxConfig);
  if (!text) {
    return {};
  }
  const auto config = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const auto placed = expand_cgroups_path(text_at(config, "/linux/cgroupsPath"));
  const auto root = text_at(config, "/root/path");
  return placed && *placed == cgroup && root.find('\0') == std::string::npos ? root : std::string();
}

fs::path plain(const std::string& path) {
  auto out = fs::path(path).lexically_normal();
  return out.has_filename() || out == "/" ? out : out.parent_path();
}

// In runc's and crun's mount namespaces the container's root is a mount of its own by
// createRuntime.
bool is_mount_of(int pid, const fs::path& root, const fs::path& proc) {
  const auto mounts = read_file(proc / std::to_string(pid) / "mountinfo", kMaxConfig);
  return mounts && mounts->find(' ' + root.native() + ' ') != std::string::npos;
}

}  // namespace

Result<fs::path> noticed_root(const std::string& said, std::string_view cgroups_path, int pid,
                              const PlacementOptions& options) {
  const auto problem = [&](const std::string& why) {
    return fail("the hook says that the container's root is \"" + shown(said) + "\", " + why);
  };
  if (!said.starts_with('/') || said.find('\0') != std::string::npos) {
    return problem("which is not an absolute path");
  }
  const auto cgroup = expand_cgroups_path(cgroups_path);
  if (!cgroup) {
    return std::unexpected(cgroup.error());
  }
  const auto path = plain(said);
  // Directories above first: nothing in them is the container's.
  for (auto bundle = path; bundle.has_relative_path();) {
    bundle = bundle.parent_path();
    const auto root = root_of_bundle(bundle, *cgroup);
    if (root.empty()) {
      continue;
    }
    // BUNDLE/ROOT, also where ROOT is absolute: a join of texts, not of paths.
    if (plain(bundle.native() + '/' + root) == path || plain((bundle / root).native()) == path) {
      return plain((bundle / root).native());
    }
  }
  if (const auto root = root_of_bundle(path, *cgroup); !root.empty()) {
    return plain((path / root).native());
  }
  std::error_code ignored;
  if (fs::is_directory(path, ignored) && is_mount_of(pid, path, options.proc)) {
    return path;
  }
  return problem(
      "which is neither its bundle, nor a root that the bundle's config.json names, nor a mount of "
      "the container's; install usher-hook for this runtime, which is told the bundle");
}

}  // namespace usher::identity
