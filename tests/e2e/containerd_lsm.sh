#!/bin/bash
# tests: vm
# timeout: 420
# containerd 2.1 on a kernel that takes LSM programs: a pod with an init container and two more, made
# through CRI, is known with its labels; what its policy denies is refused at its first instruction
# and by exec, before it runs; what is removed leaves nothing, in the agent and in the kernel. What the
# runtime's init does between a container's gate and its exec is judged by no rule on files, whatever
# else the agent looks at meanwhile.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
# shellcheck source=containerd_agree.sh
. "$E2E/containerd_agree.sh"
export CTD_NRI=1 CTD_BASE_SPEC=$W/base.json CTD_BACKEND=lsm CTD_ACTION=deny
export USHER_RUNC_HOLD=$W/hold
containerd_world 2.1
policy files <<T
[policy]
name = "files"
[select]
pod_labels = { app = "files" }
[defaults]
write = "deny"
read = "deny"
[[rule]]
on = "write"
paths = ["/tmp/"]
action = "allow"
[[rule]]
on = "read"
paths = ["/tmp/"]
action = "allow"
T
deny_programs with-pause 'pod_labels = { app = "pause" }
sandboxes = true'
mode closed
need_lsm
covered closed 1
check "what was denied is refused to the one that asks" grep -qi 'permission denied\|operation not permitted' "$W/out/exec"

# ---- under rules on files
FILES=$(pod payments files "$(uid 2)" --label app=files)
of_files() { in_pod "$FILES" files "$(uid 2)" "$1" /usr/bin/probe mark "/tmp/$1"; }
waiting() { [ "$(wc -l <"$USHER_RUNC_HOLD.waiting")" -eq "$1" ]; }
passes() { grep -c 'tasks of .* containers that ran already' "$W/usherd.log"; }
another_pass() { [ "$(passes)" -gt "$1" ]; }
AT_ONCE=${CTD_AT_ONCE:-4} IN_A_ROW=${CTD_IN_A_ROW:-2}
mkfifo "$USHER_RUNC_HOLD"
exec 9<>"$USHER_RUNC_HOLD"
: >"$USHER_RUNC_HOLD.waiting"
STARTS=()
for n in $(seq "$AT_ONCE"); do
  id=$(of_files "once$n")
  pods start "$id" >"$W/out/once$n" 2>&1 &
  STARTS+=($!)
done
check "$AT_ONCE containers have passed their gates and wait" wait_for 120 waiting "$AT_ONCE"
rm "$USHER_RUNC_HOLD" # nobody else waits there
before=$(passes)
pod payments pause "$(uid 3)" --label app=pause >/dev/null
check "a sandbox that is taken in meanwhile has the agent look at running tasks" \
  wait_for 30 another_pass "${before:-0}"
for n in $(seq "$AT_ONCE"); do echo >&9; done
failed=
for n in $(seq "$AT_ONCE"); do
  wait "${STARTS[n - 1]}" || failed+=" once$n: $(tail -c 200 "$W/out/once$n")"
  wait_for 20 ran "once$n" || failed+=" once$n did not run"
done
for n in $(seq "$IN_A_ROW"); do
  pods start "$(of_files "row$n")" >"$W/out/row$n" 2>&1 || failed+=" row$n: $(tail -c 200 "$W/out/row$n")"
  wait_for 20 ran "row$n" || failed+=" row$n did not run"
done
[ -z "$failed" ] && ok "all of them start, and $IN_A_ROW more in a row" || not_ok "starts under rules on files:$failed"
id=$(in_pod "$FILES" files "$(uid 2)" stray /usr/bin/probe mark /stray)
pods start "$id" >/dev/null 2>&1
check "and their programs are under those rules" \
  wait_for 20 grep -q '"event":"verdict".*/stray' "$W/usherd.log"

pods remove "$FILES" >/dev/null 2>&1
pods remove "$LAST_SANDBOX" >/dev/null 2>&1
pods list | awk '$1 == "sandbox" {print $2}' | while read -r id; do pods remove "$id" >/dev/null 2>&1; done
check "a removed pod leaves the agent's registry" wait_for 60 no_workloads
check "and the kernel's maps" kernel_holds_nothing
finish
