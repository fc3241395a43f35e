#!/bin/bash
# tests: vm
# timeout: 300
# containerd 2.1 on a kernel that takes LSM programs: a pod with an init container and two more, made
# through CRI, is known with its labels; what its policy denies is refused at its first instruction
# and by exec, before it runs; what is removed leaves nothing, in the agent and in the kernel.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
# shellcheck source=containerd_agree.sh
. "$E2E/containerd_agree.sh"
export CTD_NRI=1 CTD_BASE_SPEC=$W/base.json CTD_BACKEND=lsm CTD_ACTION=deny
containerd_world 2.1
mode closed
need_lsm
covered closed 1
check "what was denied is refused to the one that asks" grep -qi 'permission denied\|operation not permitted' "$W/out/exec"
pods remove "$LAST_SANDBOX" >/dev/null 2>&1
check "a removed pod leaves the agent's registry" wait_for 60 no_workloads
check "and the kernel's maps" kernel_holds_nothing
finish
