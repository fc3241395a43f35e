// Who is at the other end of a sandbox's socket: its virtual machine's monitor, and nobody else.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "kata/cgroups.hpp"

namespace usher::kata {

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  Fd pidfd;
  std::string cgroup;  // empty: not known
  // Its cgroup names the sandbox: this is the sandbox's own process.
  bool placed = false;
};

struct Expected {
  std::string sandbox = {};  // its id, or what its directory has of it
  bool is_cut = false;
  uid_t owner = 0;          // of the directory that the socket lies in
  uid_t trusted = 0;        // who runs the agent; root is trusted anyway
  std::string cgroup = {};  // the sandbox's; empty: not known
  std::string agents = {};  // the agent's own cgroup: an id that is in it too says nothing
  bool check_cgroup = true;
};

// Errors (EPERM) say who it is and why that is nobody who may speak for the sandbox. With
// check_cgroup, a process outside the sandbox's cgroup where that is known, and one whose cgroup
// names another sandbox wherever it is.
Result<Peer> admit(const Kernel& kernel, int connection, const Expected& expected);

// A process that cannot become another one while this is held. Errors: it is gone.
Result<Fd> hold_process(pid_t pid);
bool is_alive(const Fd& pidfd);
// SIGKILL.
Result<> kill_process(const Fd& pidfd);

}  // namespace usher::kata
