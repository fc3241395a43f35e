#include "api/peer.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::api {
namespace {

#ifndef SO_PEERPIDFD
constexpr int kPeerPidfd = 77;  // asm-generic/socket.h since 6.5
#else
constexpr int kPeerPidfd = SO_PEERPIDFD;
#endif

bool alive(int pidfd) {
  pollfd waiting{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) == 0;
}

// An error when the peer is gone; on kernels without SO_PEERPIDFD an empty Fd.
Result<Fd> pidfd_of_socket(int connection) {
  int pidfd = -1;
  socklen_t length = sizeof(pidfd);
  if (::getsockopt(connection, SOL_SOCKET, kPeerPidfd, &pidfd, &length) == 0) {
    return Fd(pidfd);
  }
  if (errno == ENOPROTOOPT) {
    return Fd();
  }
  return fail_system("cannot take a handle of the peer");
}

std::string cgroup_of(const std::filesystem::path& proc, const std::string& pid) {
  return read_file(proc / pid / "cgroup", 64U << 10).value_or("");
}

bool same_user_namespace(const std::filesystem::path& proc, const std::string& pid,
                         const std::string& other) {
  struct stat left{};
  struct stat right{};
  return ::stat((proc / pid / "ns/user").c_str(), &left) == 0 &&
         ::stat((proc / other / "ns/user").c_str(), &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

// The path of one line of /proc/PID/cgroup ("4:memory:/a/b"), empty if it has none.
std::string_view path_of_line(std::string_view line) {
  for (int colons = 0; colons < 2; ++colons) {
    const auto at = line.find(':');
    if (at == std::string_view::npos) {
      return {};
    }
    line.remove_prefix(at + 1);
  }
  return line;
}

// A component that the kubelet's root has: "kubepods", "kubepods.slice", "kubepods-burstable…".
bool below_kubepods(std::string_view path) {
  for (std::size_t at = path.find("/kubepods"); at != std::string_view::npos;
       at = path.find("/kubepods", at + 1)) {
    const auto after = path.substr(at + std::strlen("/kubepods"));
    if (after.empty() || after[0] == '/' || after[0] == '.' || after[0] == '-') {
      return true;
    }
  }
  return false;
}

bool has_line(std::string_view own, std::string_view line) {
  while (!own.empty()) {
    const auto end = own.find('\n');
    const auto mine = own.substr(0, end);
    // The agent's cgroup itself or one below it: `exec` into the agent's pod lands there.
    if (line == mine || (line.starts_with(mine) && line[mine.size()] == '/')) {
      return true;
    }
    own.remove_prefix(end == std::string_view::npos ? own.size() : end + 1);
  }
  return false;
}

}  // namespace

std::string refuse_cgroup(std::string_view peer, std::string_view own) {
  if (peer.empty()) {
    return "its cgroup cannot be read";
  }
  while (!peer.empty()) {
    const auto end = peer.find('\n');
    const auto line = peer.substr(0, end);
    peer.remove_prefix(end == std::string_view::npos ? peer.size() : end + 1);
    const auto path = path_of_line(line);
    if (path.starts_with("/..")) {
      return fmt::format(
          "its cgroup {} lies outside the agent's cgroup namespace, so it cannot be told from a "
          "pod's: run the agent in the node's cgroup namespace",
          escape(path));
    }
    if (below_kubepods(path) && !has_line(own, line)) {
      return fmt::format("it runs inside a pod (cgroup {})", escape(path));
    }
  }
  return {};
}

std::expected<Peer, Refusal> check_peer(int connection, const PeerRules& rules) {
  const auto refuse = [](const Peer& peer, std::int64_t uid, std::string reason) {
    return std::unexpected(Refusal{peer.pid, uid, std::move(reason)});
  };
  Peer peer;
  auto pidfd = pidfd_of_socket(connection);
  if (!pidfd) {
    return refuse(peer, -1, "it ended before it was accepted");
  }
  peer.pidfd = std::move(*pidfd);
  ucred cred{};
  socklen_t length = sizeof(cred);
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &cred, &length) != 0) {
    return refuse(peer, -1, system_error("its credentials cannot be read").message);
  }
  peer.pid = cred.pid;
  peer.uid = cred.uid;
  if (cred.uid != 0) {
    return refuse(peer, cred.uid, "it is not root");
  }
  if (cred.pid <= 0) {
    return refuse(peer, cred.uid, "it lives outside the agent's pid namespace");
  }
  if (!peer.pidfd) {
    peer.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, cred.pid, 0U)));
    if (!peer.pidfd) {
      return refuse(peer, cred.uid, "it ended before it was accepted");
    }
  }
  if (!alive(peer.pidfd.get())) {
    return refuse(peer, cred.uid, "it ended before it was accepted");
  }
  const std::string pid = std::to_string(cred.pid);
  if (!same_user_namespace(rules.proc, pid, "1") && !same_user_namespace(rules.proc, pid, "self")) {
    return refuse(peer, cred.uid, "it is not in the node's user namespace");
  }
  if (auto reason = refuse_cgroup(cgroup_of(rules.proc, pid), cgroup_of(rules.proc, "self"));
      !reason.empty()) {
    return refuse(peer, cred.uid, std::move(reason));
  }
  if (rules.is_workload && rules.is_workload(static_cast<std::uint32_t>(cred.pid))) {
    return refuse(peer, cred.uid, "it belongs to a workload");
  }
  if (!alive(peer.pidfd.get())) {  // then what was read may be of another process
    return refuse(peer, cred.uid, "it ended while it was being checked");
  }
  return peer;
}

}  // namespace usher::api
