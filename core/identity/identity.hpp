// Who a container is, as plain values. Nothing here does I/O.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace usher::identity {

using Labels = std::map<std::string, std::string, std::less<>>;

// The Kubernetes identity of a container. Bytes as the runtime gave them: escape before showing.
// All empty: a container without Kubernetes identity (a workload all the same).
struct Identity {
  std::string pod_namespace;
  std::string pod_name;
  std::string pod_uid;
  std::string container_name;
  std::string container_id;
  std::string sandbox_id;
  std::string image;
  std::string runtime_handler;
  Labels pod_labels;
  bool labels_known = false;  // false: no source for labels answered; not the same as "has none"
  bool is_sandbox = false;    // the pod's own (pause) container
  bool guest = false;         // its processes run in another kernel
  bool host_root = false;     // the runtime's own processes for the sandbox, in the host's root
  // True: an empty runtime_handler is not "has none"; its runtime does not tell it, or not now.
  bool handler_unknown = false;
  // True: its runtime keeps a record of the pod, which could not be had.
  bool record_unknown = false;
  // Which record each part came from, for `usherctl workloads`: "cri-o annotations", "podman
  // annotations (as the caller wrote them)", "cri", …
  std::string identity_source;
  std::string labels_source;

  bool operator==(const Identity&) const = default;
};

enum class HookStage : std::uint8_t {
  prestart,
  create_runtime,
  create_container,
  start_container,
  poststart,
  poststop,
};

// The OCI state that a runtime gives a hook on stdin.
struct OciState {
  std::string oci_version;
  std::string id;
  std::string status;
  int pid = 0;  // 0: not given
  std::string bundle;
  std::string root;  // crun gives it, as in config.json; else empty
  Labels annotations;
};

// Where a container lives in the kernel.
struct Placement {
  std::string cgroup_path;      // below the cgroup2 mount, begins with /
  std::uint64_t cgroup_id = 0;  // inode of its directory
  std::uint32_t mntns = 0;      // inode of its mount namespace; 0: the host's, or not known
  std::uint32_t merged = 0;     // USHER_MERGED_*: which top-level directories link into /usr
};

// A container as the agent knows it.
struct Workload {
  std::uint32_t slot = 0;         // index into the kernel's table of workloads
  std::uint32_t incarnation = 0;  // of that slot
  std::string runtime;            // as the hook's installer named it
  Identity identity;
  Placement placement;
  bool released = false;         // an operator let it go
  bool ended = false;            // its cgroup is gone; tasks may still carry it
  std::int64_t enrolled_at = 0;  // seconds since the epoch
};

}  // namespace usher::identity
