// What the path of a cgroup says about the container in it. Pure: no file is read.
//
// Forms (kubelet's two cgroup drivers, and the runtimes' leaves):
//   /kubepods[/burstable|/besteffort]/podUID/LEAF                                      cgroupfs
//   /kubepods.slice[/kubepods-QOS.slice]/kubepods[-QOS]-podU_I_D.slice/LEAF            systemd
//   LEAF: ID, crio-ID, cri-containerd-ID, libpod-ID, docker-ID, with or without .scope
//   LEAF/container: the child that crun makes in a scope
//   crio/ID, cri-containerd/ID, … in place of LEAF: in a Kata guest without systemd, whose agent
//   makes a path of slice:prefix:name by turning each ':' into '/'
// Anything may come before the kubepods part (--cgroup-root, nested kubelets).
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::identity {

// The "0::" line of /proc/PID/cgroup, which is the cgroup2 path on a unified and on a hybrid tree.
// Errors: no such line (cgroup v1 only), a path outside the reader's cgroup namespace, a cgroup
// that was removed.
Result<std::string> unified_path(std::string_view proc_cgroup);

struct CgroupOwner {
  std::string pod_uid;       // empty: the path is no pod's
  std::string container_id;  // empty: the path has none of the runtimes' leaf forms
  bool monitor = false;      // the leaf is conmon's, not a container's

  bool operator==(const CgroupOwner&) const = default;
};

// Who the path says it belongs to. The outermost pod and container count: what lies below a
// container's cgroup was made by the container.
CgroupOwner owner_of(std::string_view cgroup_path);

// `linux.cgroupsPath` of a config.json as a path below the cgroup2 mount: a path as it is,
// "slice:prefix:name" expanded as systemd places it. Errors say what is malformed.
Result<std::string> expand_cgroups_path(std::string_view cgroups_path);

// The container's whole cgroup: `path` itself, or its parent where `path` is the child
// "container" that crun makes inside the container's scope.
std::string_view container_cgroup(std::string_view path);

// The same for a process of a container that runs: the shortest part of `path` that names a
// container (owner_of), whatever cgroups the container has made below it; else container_cgroup().
std::string_view whole_container_cgroup(std::string_view path);

}  // namespace usher::identity
