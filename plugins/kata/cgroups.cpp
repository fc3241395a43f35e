#include "kata/cgroups.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kIdLength = 64;
constexpr std::size_t kMaxProcFile = 64U << 10;

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// The kubelet's systemd driver writes '_' for each '-' of a uid.
std::string with_underscores(std::string uid) {
  std::ranges::replace(uid, '-', '_');
  return uid;
}

std::vector<std::string> pod_cgroups(const std::string& uid) {
  std::vector<std::string> out;
  for (const std::string qos : {"", "burstable", "besteffort"}) {
    const std::string dash = qos.empty() ? "" : "-" + qos;
    const std::string slice =
        "/kubepods.slice/" + (qos.empty() ? "" : "kubepods" + dash + ".slice/");
    out.push_back(slice + "kubepods" + dash + "-pod" + with_underscores(uid) + ".slice");
    out.push_back("/kubepods/" + (qos.empty() ? "" : qos + "/") + "pod" + uid);
  }
  return out;
}

std::optional<std::string> below(const Kernel& kernel, const std::string& parent,
                                 const std::string& sandbox) {
  std::error_code failed;
  for (fs::directory_iterator at(kernel.cgroups / parent.substr(1), failed), end;
       !failed && at != end; at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (names_sandbox(name, sandbox) && at->is_directory(failed)) {
      return parent + "/" + name;
    }
  }
  return std::nullopt;
}

}  // namespace

Kernel Kernel::here() {
  Kernel out;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, where, type; mounts >> device >> where >> type;) {
    if (type == "cgroup2") {
      out.cgroups = where;
      break;
    }
    std::getline(mounts, device);
  }
  return out;
}

bool names_sandbox(std::string_view path, std::string_view id, bool is_cut) {
  if (id.empty()) {
    return false;
  }
  for (auto at = path.find(id); at != std::string_view::npos; at = path.find(id, at + 1)) {
    const auto end = at + id.size();
    if ((at == 0 || !is_word(path[at - 1])) &&
        (is_cut || end == path.size() || !is_word(path[end]))) {
      return true;
    }
  }
  return false;
}

std::string some_id_in(std::string_view path) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  std::string found;
  for (std::size_t at = 0; at < path.size();) {
    if (!is_word(path[at])) {
      ++at;
      continue;
    }
    const auto end = static_cast<std::size_t>(
        std::find_if_not(path.begin() + static_cast<std::ptrdiff_t>(at), path.end(), is_word) -
        path.begin());
    const auto word = path.substr(at, end - at);
    if (word.size() == kIdLength && std::ranges::all_of(word, is_hex)) {
      found = word;
    }
    at = end;
  }
  return found;
}

Result<std::string> cgroup_of(const Kernel& kernel, pid_t pid) {
  const auto file = kernel.proc / std::to_string(pid) / "cgroup";
  const auto text = read_file(file, kMaxProcFile);
  if (!text) {
    return std::unexpected(text.error());
  }
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::/")) {
      return line.substr(3);
    }
  }
  return fail(file.string() + " names no cgroup2 path", ENOTSUP);
}

std::optional<std::string> sandbox_cgroup(const Kernel& kernel, const std::string& pod_uid,
                                          const std::string& sandbox) {
  if (!pod_uid.empty() && pod_uid.find('/') == std::string::npos) {
    for (const auto& pod : pod_cgroups(pod_uid)) {
      if (auto found = below(kernel, pod, sandbox)) {
        return found;
      }
    }
  }
  return below(kernel, "/kata_overhead", sandbox);
}

std::vector<pid_t> processes_of(const Kernel& kernel, const std::string& cgroup) {
  std::vector<pid_t> out;
  const auto text = read_file(kernel.cgroups / cgroup.substr(1) / "cgroup.procs", kMaxProcFile);
  if (text) {
    std::istringstream numbers(*text);
    for (pid_t pid = 0; numbers >> pid;) {
      if (pid > 0) {
        out.push_back(pid);
      }
    }
  }
  return out;
}

}  // namespace usher::kata
