// Who is at the other end of a connection, and may it speak to the agent?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::api {

struct PeerRules {
  std::filesystem::path proc = "/proc";
  // Is this pid one of the agent's workloads? May be empty (then nobody is).
  std::function<bool(std::uint32_t)> is_workload;
};

struct Peer {
  Fd pidfd;  // taken before anything else was asked: what is read of `pid` is of this process
  pid_t pid = 0;
  uid_t uid = 0;
};

// Why a peer was turned away. pid and uid as far as they were known; 0 and -1 where not.
struct Refusal {
  pid_t pid = 0;
  std::int64_t uid = -1;
  std::string reason;
};

// Demands: root, in the node's user namespace, no workload, not inside a pod (a cgroup below a
// kubepods root) but the agent's own, and still alive when all of that was read. Before Linux 6.5
// the pidfd is opened by number, so a peer that ended before it was accepted could be taken for
// the process that got its number; since then the socket itself gives the pidfd.
std::expected<Peer, Refusal> check_peer(int connection, const PeerRules& rules);

// /proc/PID/cgroup of a peer against the agent's own: empty if it may speak, else the reason.
std::string refuse_cgroup(std::string_view peer, std::string_view own);

}  // namespace usher::api
