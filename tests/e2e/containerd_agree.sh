# shellcheck shell=bash
# Sourced after containerd_lib.sh: what containerd, the agent and the kernel each hold, compared.
#
#   all_agree              containerd's running containers, the agent's workloads and the kernel's
#                          pinned maps are the same containers, cgroups, mount namespaces and slots;
#                          else $W/in.differs says where not: "<" the agent, ">" the other
#                          (a second or so each time, so few tries of wait_for will do)
#   no_workloads           the agent knows none
#   kernel_holds_nothing

dumped() { bpftool -j map dump pinned "$W/bpf/usher/v1/maps/$1" >"$W/dump.$1"; }
enrolled_in() { # MAP: KEY SLOT
  dumped "$1" && jq -r '[.[].formatted | "\(.key) \(.value)"] | sort[]' "$W/dump.$1"
}
live_workloads() { # CGROUP MOUNT-NAMESPACE SLOT
  dumped workloads && jq -r '[.[].formatted | select(.value.flags % 2 == 1) |
    "\(.value.cgroup) \(.value.mntns) \(.key)"] | sort[]' "$W/dump.workloads"
}
of_agent() { # of_agent KEY…: these of every workload
  local key keys=
  for key in "$@"; do keys+=" \\(.$key)"; done
  jq -r "[.. | objects | select(has(\"container_id\")) | \"${keys# }\"] | sort[]" "$W/in.agent"
}
# CONTAINER CGROUP MOUNT-NAMESPACE, as the node's own files show the process that containerd names.
in_containerd() {
  local what id pid word path
  pods list >"$W/pods.list" || return 1
  while read -r what id word; do
    [ "$what" = container ] || continue
    pid=${word##*pid=}
    path=$(sed -n 's/^0:://p' "/proc/$pid/cgroup" 2>/dev/null)
    echo "$id $(stat -c %i "/sys/fs/cgroup$path" 2>/dev/null) $(stat -Lc %i "/proc/$pid/ns/mnt" 2>/dev/null)"
  done <"$W/pods.list" >"$W/unsorted"
  LC_ALL=C sort "$W/unsorted"
}

all_agree() {
  workloads >"$W/in.agent" && in_containerd >"$W/in.containerd" || return 1
  enrolled_in enrolled_cgroups >"$W/in.cgroups"
  enrolled_in enrolled_mntns >"$W/in.mntns"
  live_workloads >"$W/in.workloads"
  : >"$W/in.differs"
  compare containerd container_id cgroup_id mntns
  compare cgroups cgroup_id slot
  compare mntns mntns slot
  compare workloads cgroup_id mntns slot
  [ ! -s "$W/in.differs" ]
}
compare() { # compare FILE KEY…: what the agent says of these keys is exactly $W/in.FILE
  of_agent "${@:2}" >"$W/of.agent"
  diff "$W/of.agent" "$W/in.$1" >"$W/diff" || sed -n "s/^[<>]/$1: &/p" "$W/diff" >>"$W/in.differs"
}

no_workloads() { workloads >"$W/in.agent" && [ -z "$(of_agent container_id)" ]; }
kernel_holds_nothing() {
  enrolled_in enrolled_cgroups >"$W/in.cgroups" && [ ! -s "$W/in.cgroups" ] &&
    enrolled_in enrolled_mntns >"$W/in.mntns" && [ ! -s "$W/in.mntns" ]
}
