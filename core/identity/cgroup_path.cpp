#include "identity/cgroup_path.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/escape.hpp"

namespace usher::identity {
namespace {

constexpr std::array<std::string_view, 6> kLeafPrefixes = {"crio-",   "cri-containerd-", "libpod-",
                                                           "docker-", "crun-",           "runc-"};
constexpr std::string_view kScope = ".scope";
constexpr std::string_view kSlice = ".slice";

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix) || text.size() == suffix.size()) {
    return false;
  }
  text.remove_suffix(suffix.size());
  return true;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix) || text.size() == prefix.size()) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

bool is_qos(std::string_view part) {
  return part == "burstable" || part == "besteffort";
}

// "[…-]kubepods[-burstable|-besteffort]-podU_I_D.slice": systemd's names have '_' where the uid has
// '-', since '-' is what separates a slice from its parents.
std::optional<std::string> pod_of_slice(std::string_view component) {
  if (!take_suffix(component, kSlice)) {
    return std::nullopt;
  }
  auto parts = split(component, '-');
  std::string_view pod = parts.back();
  parts.pop_back();
  if (!take_prefix(pod, "pod")) {
    return std::nullopt;
  }
  if (!parts.empty() && is_qos(parts.back())) {
    parts.pop_back();
  }
  if (parts.empty() || parts.back() != "kubepods") {
    return std::nullopt;
  }
  std::string uid(pod);
  std::ranges::replace(uid, '_', '-');
  return uid;
}

// The same for cgroupfs, where `components[at]` is "podUID" below kubepods and its QoS class.
std::optional<std::string> pod_of_directory(const std::vector<std::string_view>& components,
                                            std::size_t at) {
  std::string_view pod = components[at];
  if (!take_prefix(pod, "pod") || at == 0) {
    return std::nullopt;
  }
  const std::size_t above = is_qos(components[at - 1]) ? 2 : 1;
  if (at < above || components[at - above] != "kubepods") {
    return std::nullopt;
  }
  return std::string(pod);
}

struct Leaf {
  std::string_view id;
  bool prefixed = false;  // by a runtime that is known
  bool scope = false;
  bool monitor = false;
};

Leaf read_leaf(std::string_view component) {
  Leaf leaf;
  leaf.scope = take_suffix(component, kScope);
  for (const auto prefix : kLeafPrefixes) {
    if (take_prefix(component, prefix)) {
      leaf.prefixed = true;
      break;
    }
  }
  leaf.monitor = leaf.prefixed && take_prefix(component, "conmon-");
  leaf.id = component;
  return leaf;
}

// The middle one of what was SLICE:PREFIX:ID, where it has become three directories.
bool is_runtime_directory(std::string_view component) {
  return std::ranges::any_of(kLeafPrefixes, [&](std::string_view prefix) {
    return component == prefix.substr(0, prefix.size() - 1);
  });
}

bool is_long_hex(std::string_view id) {
  return id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::vector<std::string_view> components_of(std::string_view path) {
  auto components = split(path, '/');
  std::erase(components, std::string_view{});
  return components;
}

// "a-b-c.slice" lies in "a.slice/a-b.slice"; "-.slice" is the root.
Result<std::string> expand_slice(std::string_view slice) {
  std::string_view name = slice;
  if (slice == "-.slice") {
    return std::string();
  }
  if (!take_suffix(name, kSlice) || name.find('/') != std::string_view::npos ||
      name.starts_with('-') || name.ends_with('-') || name.find("--") != std::string_view::npos) {
    return fail("\"" + escape(slice) + "\" is not the name of a systemd slice");
  }
  std::string path;
  for (std::size_t dash = name.find('-');; dash = name.find('-', dash + 1)) {
    path += '/';
    path += name.substr(0, dash);
    path += kSlice;
    if (dash == std::string_view::npos) {
      return path;
    }
  }
}

}  // namespace

Result<std::string> unified_path(std::string_view proc_cgroup) {
  for (std::string_view line : split(proc_cgroup, '\n')) {
    if (!line.starts_with("0::")) {
      continue;
    }
    line.remove_prefix(3);
    if (!line.starts_with('/')) {
      break;
    }
    if (line == "/.." || line.starts_with("/../")) {
      return fail("its cgroup \"" + escape(line) +
                  "\" lies outside the agent's cgroup namespace; run usherd in the node's");
    }
    if (line.ends_with(" (deleted)")) {
      return fail("its cgroup \"" + escape(line) + "\" was removed");
    }
    return std::string(line);
  }
  return fail("it has no cgroup2 entry (no line \"0::/…\"); mount cgroup2 on this node");
}

CgroupOwner owner_of(std::string_view cgroup_path) {
  const auto components = components_of(cgroup_path);
  CgroupOwner owner;
  for (std::size_t i = 0; i < components.size(); ++i) {
    auto pod = pod_of_slice(components[i]);
    if (!pod) {
      pod = pod_of_directory(components, i);
    }
    if (pod) {
      owner.pod_uid = std::move(*pod);
      if (i + 1 < components.size() && is_runtime_directory(components[i + 1])) {
        owner.container_id = i + 2 < components.size() ? components[i + 2] : std::string_view();
      } else if (i + 1 < components.size()) {
        const Leaf leaf = read_leaf(components[i + 1]);
        owner.container_id = leaf.id;
        owner.monitor = leaf.monitor;
      }
      return owner;
    }
    // Outside of pods only a runtime's own form is evidence: names like "docker-proxy" are not.
    if (const Leaf leaf = read_leaf(components[i]); leaf.prefixed && is_long_hex(leaf.id)) {
      owner.container_id = leaf.id;
      owner.monitor = leaf.monitor;
      return owner;
    }
    if (i > 0 && is_runtime_directory(components[i - 1]) && is_long_hex(components[i])) {
      owner.container_id = components[i];
      return owner;
    }
  }
  return owner;
}

Result<std::string> expand_cgroups_path(std::string_view cgroups_path) {
  if (cgroups_path.starts_with('/')) {
    return std::string(cgroups_path);
  }
  const auto parts = split(cgroups_path, ':');
  if (parts.size() != 3 || parts[2].empty() || parts[2].find('/') != std::string_view::npos ||
      parts[1].find('/') != std::string_view::npos) {
    return fail("cgroupsPath \"" + escape(cgroups_path) +
                "\" is neither an absolute path nor slice:prefix:name");
  }
  auto path = expand_slice(parts[0].empty() ? "system.slice" : parts[0]);
  if (!path) {
    return fail_in("cgroupsPath", std::move(path.error()));
  }
  *path += '/';
  if (parts[2].ends_with(kSlice)) {
    return *path += parts[2];
  }
  if (!parts[1].empty()) {
    *path += parts[1];
    *path += '-';
  }
  *path += parts[2];
  return *path += kScope;
}

std::string_view container_cgroup(std::string_view path) {
  std::string_view parent = path;
  if (!take_suffix(parent, "/container")) {
    return path;
  }
  const Leaf leaf = read_leaf(parent.substr(parent.rfind('/') + 1));
  return leaf.scope && leaf.prefixed && !leaf.monitor ? parent : path;
}

std::string_view whole_container_cgroup(std::string_view path) {
  for (std::size_t slash = 0; slash != std::string_view::npos && slash < path.size();) {
    slash = path.find('/', slash + 1);
    const auto part = path.substr(0, slash);
    if (!owner_of(part).container_id.empty()) {
      return part;
    }
  }
  return container_cgroup(path);
}

}  // namespace usher::identity
