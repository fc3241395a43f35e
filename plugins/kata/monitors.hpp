// A sandbox's virtual machine as the host sees it: the monitor's process.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "kata/peers.hpp"

namespace usher::kata {

struct Monitor {
  pid_t pid = 0;
  Fd pidfd;
  std::string program;  // its executable's name
  std::string cgroup;
};

// The monitor among the processes of the sandbox's cgroup: by its executable, held by a pidfd and
// looked at again after. Kata's shim, where there is no other: Dragonball runs in it. Errors: there
// is none, or more than one.
Result<Monitor> monitor_in(const Kernel& kernel, const std::string& cgroup);

// Which sandbox has the virtual machine with this vsock context id: by `guest-cid=N` on the command
// line of exactly one process, in the host's root, whose cgroup names one of `sandboxes`, or has an
// id as its runtime makes them where it is made just now. What runs in a container, and claims it,
// does not count. Errors: a cid below 3 (EINVAL), nobody (ENOENT), several (EEXIST), or a command
// line that names another sandbox (EPERM).
struct CidOwner {
  std::string sandbox;
  Peer peer;
};
Result<CidOwner> owner_of_cid(const Kernel& kernel, std::uint32_t cid,
                              const std::vector<std::string>& sandboxes);

}  // namespace usher::kata
