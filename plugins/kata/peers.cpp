#include "kata/peers.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "base/escape.hpp"

#ifndef SO_PEERPIDFD  // since Linux 6.5
#define SO_PEERPIDFD 77
#endif

namespace usher::kata {
namespace {

std::unexpected<Error> refuse(const Peer& peer, const std::string& why) {
  return fail("a connection from pid " + std::to_string(peer.pid) + ", uid " +
                  std::to_string(peer.uid) + ", was closed: " + why,
              EPERM);
}

Result<Fd> pidfd_of(int connection, pid_t pid) {
  int fd = -1;
  socklen_t size = sizeof fd;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0) {
    return Fd(fd);
  }
  return hold_process(pid);
}

Result<> check_cgroup(const Kernel& kernel, const Expected& expected, Peer& peer) {
  auto cgroup = cgroup_of(kernel, peer.pid);
  if (!cgroup || !is_alive(peer.pidfd)) {
    return expected.check_cgroup && !expected.cgroup.empty()
               ? Result<>(refuse(peer, "its cgroup cannot be told: " +
                                           (cgroup ? "it has ended" : cgroup.error().message)))
               : Result<>{};
  }
  peer.cgroup = std::move(*cgroup);
  peer.placed = names_sandbox(peer.cgroup, expected.sandbox, expected.is_cut) ||
                (!expected.cgroup.empty() && peer.cgroup == expected.cgroup);
  if (peer.placed || !expected.check_cgroup) {
    return {};
  }
  if (!expected.cgroup.empty()) {
    return refuse(peer, "it is in cgroup " + escape(peer.cgroup) + ", not in the sandbox's " +
                            escape(expected.cgroup));
  }
  if (const auto other = some_id_in(peer.cgroup);
      !other.empty() && !names_sandbox(expected.agents, other)) {
    return refuse(peer, "its cgroup " + escape(peer.cgroup) + " is that of " + other);
  }
  return {};
}

}  // namespace

Result<Peer> admit(const Kernel& kernel, int connection, const Expected& expected) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
    return fail_system("cannot tell who connected");
  }
  Peer peer;
  peer.pid = who.pid;
  peer.uid = who.uid;
  if (who.uid != 0 && who.uid != expected.trusted && who.uid != expected.owner) {
    return refuse(peer, "it is neither root nor uid " + std::to_string(expected.owner) +
                            ", whose directory the socket is in");
  }
  if (who.pid <= 0) {
    if (expected.check_cgroup && !expected.cgroup.empty()) {
      return refuse(peer,
                    "its process is not visible here: run usherd in the node's pid namespace");
    }
    return peer;
  }
  auto pidfd = pidfd_of(connection, who.pid);
  if (!pidfd) {
    return refuse(peer, "it has ended");
  }
  peer.pidfd = std::move(*pidfd);
  if (auto placed = check_cgroup(kernel, expected, peer); !placed) {
    return std::unexpected(std::move(placed.error()));
  }
  return peer;
}

Result<Fd> hold_process(pid_t pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) {
    return fail_system("cannot hold process " + std::to_string(pid));
  }
  return fd;
}

bool is_alive(const Fd& pidfd) {
  pollfd poll{pidfd.get(), POLLIN, 0};
  return pidfd && ::poll(&poll, 1, 0) == 0;
}

Result<> kill_process(const Fd& pidfd) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) != 0) {
    return fail_system("cannot kill the virtual machine's monitor");
  }
  return {};
}

}  // namespace usher::kata
