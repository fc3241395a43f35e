#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "identity/placement.hpp"
#include "usher_bpf.h"

namespace usher::identity {
namespace {

constexpr std::array<std::pair<const char*, std::uint32_t>, 6> kMergeable = {{
    {"bin", USHER_MERGED_BIN},
    {"sbin", USHER_MERGED_SBIN},
    {"lib", USHER_MERGED_LIB},
    {"lib32", USHER_MERGED_LIB32},
    {"lib64", USHER_MERGED_LIB64},
    {"libx32", USHER_MERGED_LIBX32},
}};

// "usr/bin", "/usr/bin", "./usr/bin/" for "bin".
bool links_into_usr(std::string_view target, std::string_view name) {
  while (target.starts_with('/') || target.starts_with("./")) {
    target.remove_prefix(target.starts_with('/') ? 1 : 2);
  }
  while (target.ends_with('/')) {
    target.remove_suffix(1);
  }
  return target.starts_with("usr/") && target.substr(4) == name;
}

}  // namespace

Result<std::uint32_t> merged_directories(const std::filesystem::path& rootfs) {
  const std::string what = "cannot look into the container's root " + escape(rootfs.string());
  const Fd root(::open(rootfs.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    return fail_system(what);
  }
  std::uint32_t merged = 0;
  for (const auto& [name, bit] : kMergeable) {
    std::array<char, 64> target{};
    const ssize_t size = ::readlinkat(root.get(), name, target.data(), target.size());
    if (size < 0 && errno != EINVAL && errno != ENOENT) {
      return fail_system(what + ", " + name);
    }
    if (size > 0 && links_into_usr({target.data(), static_cast<std::size_t>(size)}, name)) {
      merged |= bit;
    }
  }
  return merged;
}

Result<std::filesystem::path> rootfs_of(const OciState& state) {
  if (!state.root.empty()) {
    return std::filesystem::path(state.bundle) / state.root;
  }
  const auto file = std::filesystem::path(state.bundle) / "config.json";
  auto text = read_file(file);
  if (!text) {
    return fail_in("cannot find the container's root", std::move(text.error()));
  }
  const auto config = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const auto pointer = nlohmann::json::json_pointer("/root/path");
  if (!config.is_object() || !config.contains(pointer) || !config.at(pointer).is_string()) {
    return fail("cannot find the container's root: " + escape(file.string()) +
                " has no string at root.path");
  }
  const auto path = config.at(pointer).get<std::string>();
  if (path.empty() || path.find('\0') != std::string::npos) {
    return fail("cannot find the container's root: root.path in " + escape(file.string()) +
                " is \"" + escape(path) + "\"");
  }
  return std::filesystem::path(state.bundle) / path;
}

}  // namespace usher::identity
