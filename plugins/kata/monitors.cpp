#include "kata/monitors.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFirstGuestCid = 3;  // 0 hypervisor, 1 local, 2 host
constexpr std::size_t kMaxCommandLine = 256U << 10;
constexpr std::size_t kIdLength = 64;
constexpr std::string_view kCidOption = "guest-cid=";
constexpr std::string_view kShim = "containerd-shim-kata-v2";
constexpr std::string_view kNameOption = "sandbox-";  // of -name, as Kata calls its machines

bool is_monitor(std::string_view program) {
  constexpr std::string_view kPrograms[] = {"cloud-hypervisor", "firecracker", "stratovirt",
                                            "openvmm"};
  return program.starts_with("qemu-") ||
         std::ranges::any_of(kPrograms, [&](auto name) { return program == name; });
}

std::string program_of(const Kernel& kernel, pid_t pid) {
  std::error_code failed;
  auto name =
      fs::read_symlink(kernel.proc / std::to_string(pid) / "exe", failed).filename().string();
  if (constexpr std::string_view kGone = " (deleted)"; name.ends_with(kGone)) {
    name.resize(name.size() - kGone.size());  // upgraded while it runs
  }
  return failed ? "" : name;
}

std::vector<pid_t> all_processes(const Kernel& kernel) {
  std::vector<pid_t> out;
  std::error_code failed;
  for (fs::directory_iterator at(kernel.proc, failed), end; !failed && at != end;
       at.increment(failed)) {
    const auto name = at->path().filename().string();
    pid_t pid = 0;
    const auto [stop, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc() && stop == name.data() + name.size()) {
      out.push_back(pid);
    }
  }
  return out;
}

// "…,guest-cid=5,…": the number is the whole of the option's value.
bool has_cid(std::string_view command_line, std::uint32_t cid) {
  const std::string wanted = std::string(kCidOption) + std::to_string(cid);
  for (auto at = command_line.find(wanted); at != std::string_view::npos;
       at = command_line.find(wanted, at + 1)) {
    const auto end = at + wanted.size();
    const bool begins = at == 0 || command_line[at - 1] == ',' || command_line[at - 1] == '\0';
    const bool ends =
        end == command_line.size() || command_line[end] == ',' || command_line[end] == '\0';
    if (begins && ends) {
      return true;
    }
  }
  return false;
}

// Not in a container's root: who makes one can give its processes any name and command line.
bool is_in_hosts_root(const Kernel& kernel, pid_t pid) {
  struct stat host{};
  struct stat its{};
  return ::stat((kernel.proc / "1" / "root").c_str(), &host) == 0 &&
         ::stat((kernel.proc / std::to_string(pid) / "root").c_str(), &its) == 0 &&
         host.st_dev == its.st_dev && host.st_ino == its.st_ino;
}

std::optional<CidOwner> owner(const Kernel& kernel, pid_t pid,
                              const std::vector<std::string>& sandboxes) {
  const auto cgroup = cgroup_of(kernel, pid);
  if (!cgroup || !is_in_hosts_root(kernel, pid)) {
    return std::nullopt;
  }
  const auto named = std::ranges::find_if(
      sandboxes, [&](const std::string& id) { return names_sandbox(*cgroup, id); });
  CidOwner out;
  out.sandbox = named != sandboxes.end() ? *named : some_id_in(*cgroup);
  if (out.sandbox.empty()) {
    return std::nullopt;
  }
  out.peer.pid = pid;
  out.peer.cgroup = *cgroup;
  out.peer.placed = true;
  return out;
}

std::string command_line_of(const Kernel& kernel, pid_t pid) {
  return read_file(kernel.proc / std::to_string(pid) / "cmdline", kMaxCommandLine).value_or("");
}

}  // namespace

Result<Monitor> monitor_in(const Kernel& kernel, const std::string& cgroup) {
  std::vector<std::pair<pid_t, std::string>> monitors;
  std::vector<std::pair<pid_t, std::string>> shims;
  for (const auto pid : processes_of(kernel, cgroup)) {
    auto program = program_of(kernel, pid);
    if (is_monitor(program)) {
      monitors.emplace_back(pid, std::move(program));
    } else if (program == kShim) {
      shims.emplace_back(pid, std::move(program));
    }
  }
  const auto& found = monitors.empty() ? shims : monitors;
  if (found.size() != 1) {
    return fail("cgroup " + escape(cgroup) + " has " + std::to_string(found.size()) +
                    " virtual machine monitors, not one",
                found.empty() ? ENOENT : EEXIST);
  }
  Monitor out;
  out.pid = found.front().first;
  out.program = found.front().second;
  out.cgroup = cgroup;
  auto held = hold_process(out.pid);
  if (!held) {
    return std::unexpected(std::move(held.error()));
  }
  out.pidfd = std::move(*held);
  const auto now = cgroup_of(kernel, out.pid);
  if (!now || *now != cgroup || program_of(kernel, out.pid) != out.program ||
      !is_alive(out.pidfd)) {
    return fail("the monitor in cgroup " + escape(cgroup) + " has just ended", ESRCH);
  }
  return out;
}

Result<CidOwner> owner_of_cid(const Kernel& kernel, std::uint32_t cid,
                              const std::vector<std::string>& sandboxes) {
  const std::string who = "vsock context id " + std::to_string(cid);
  if (cid < kFirstGuestCid) {
    return fail(who + " is no guest's", EINVAL);
  }
  std::optional<CidOwner> found;
  for (const auto pid : all_processes(kernel)) {
    if (!has_cid(command_line_of(kernel, pid), cid)) {
      continue;
    }
    auto one = owner(kernel, pid, sandboxes);
    if (!one) {
      continue;
    }
    if (found) {
      return fail(who + " is on the command lines of pid " + std::to_string(found->peer.pid) +
                      " and pid " + std::to_string(pid),
                  EEXIST);
    }
    found = std::move(one);
  }
  if (!found) {
    return fail(who + " is on no command line of a sandbox's process that is known here", ENOENT);
  }
  auto held = hold_process(found->peer.pid);
  if (!held) {
    return std::unexpected(std::move(held.error()));
  }
  found->peer.pidfd = std::move(*held);
  // The process is held; what was read of it before may have been another's.
  const auto again = owner(kernel, found->peer.pid, sandboxes);
  const auto line = command_line_of(kernel, found->peer.pid);
  if (!again || again->sandbox != found->sandbox || !has_cid(line, cid) ||
      !is_alive(found->peer.pidfd)) {
    return fail("the virtual machine with " + who + " has just ended", ESRCH);
  }
  const auto name = line.find(kNameOption);
  const auto named = name == std::string::npos
                         ? ""
                         : some_id_in(line.substr(name + kNameOption.size(), kIdLength));
  if (!named.empty() && named != found->sandbox) {
    return fail(who + " is in the cgroup of sandbox " + escape(found->sandbox) +
                    ", but its command line names " + named,
                EPERM);
  }
  return std::move(*found);
}

}  // namespace usher::kata
