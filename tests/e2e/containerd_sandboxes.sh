#!/bin/bash
# tests: native
# timeout: 300
# The container that a pod's sandbox is: a workload where a policy takes sandboxes in, and none
# otherwise. And what starts while the agent is away is counted and named.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
export CTD_NRI=1
containerd_world "${CONTAINERD:-2.1}"
deny_programs with-pause 'namespaces = ["payments"]
pod_labels = { app = "locked" }
sandboxes = true' kill
policy no-shell <<T
[policy]
name = "no-shell"
[select]
namespaces = ["payments"]
pod_labels = { app = "no-shell" }
sandboxes = true
[[rule]]
name = "no-shell"
on = "exec"
paths = ["/bin/sh", "/bin/busybox"]
action = "kill"
T
mode nri

exec_in() { # ID MARK: a denied program
  ctr -n k8s.io task exec --exec-id "$2" "$1" /denied/probe mark "/tmp/$2" >"$W/out/$2" 2>&1 </dev/null
}
is_sandbox() { workloads | jq -e --arg id "$1" '.. | objects | select(.container_id? == $id) | .is_sandbox' >/dev/null; }

# ---- no policy takes it in
OPEN=$(pod payments open "$(uid 1)" --label app=web)
OPEN_MAIN=$(in_pod "$OPEN" open "$(uid 1)" main /bin/sleep 1000)
pods start "$OPEN_MAIN" >"$W/out/open" 2>&1 || not_ok "a container starts: $(head -c 300 "$W/out/open")"
check "a container is known" wait_for 10 known "\"$OPEN_MAIN\""
is_sandbox "$OPEN" && not_ok "a sandbox that no policy takes in is no workload" ||
  ok "a sandbox that no policy takes in is no workload"

# ---- a policy does
LOCKED=$(pod payments locked "$(uid 2)" --label app=locked)
check "a sandbox that a policy takes in is a workload, and said to be a sandbox" \
  wait_for 10 is_sandbox "$LOCKED"
check "and shown as one" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' workloads | grep -q 'payments/locked (sandbox)'"
exec_in "$LOCKED" locked
ran locked && not_ok "a denied program ran in the sandbox"
check "what is denied is denied there" killed_by_policy "$LOCKED"

# ---- whether it is held from its first instruction depends on when containerd tells of it
if [ "${CONTAINERD:-2.1}" = 1.7 ]; then
  pod payments shell "$(uid 3)" --label app=no-shell >"$W/out/shell" 2>&1
  check "containerd 1 waits: the sandbox's own program meets the policy" \
    wait_for 10 grep -q '"event":"verdict".*"rule":"no-shell"' "$W/usherd.log"
else
  SHELL_POD=$(pod payments shell "$(uid 3)" --label app=no-shell)
  check "containerd 2 tells of it when it runs: it is enrolled then" wait_for 10 is_sandbox "$SHELL_POD"
  tagged_after_enrolment() {
    awk -v id="$SHELL_POD" '/"event":"enrolled"/ && index($0, id) {enrolled = 1}
      enrolled && /tagged [1-9].* containers that ran already/ {found = 1} END {exit !found}' "$W/usherd.log"
  }
  check "and tagged" wait_for 10 tagged_after_enrolment
fi

# ---- a policy that comes later
deny_programs later 'namespaces = ["payments"]
pod_labels = { app = "web" }
sandboxes = true' kill
ctl reload >"$W/out/reload" 2>&1 || not_ok "reload: $(head -c 300 "$W/out/reload")"
check "a policy that comes later takes in a sandbox that runs" wait_for 10 is_sandbox "$OPEN"
exec_in "$OPEN" later
ran later && not_ok "a denied program ran in the sandbox that a later policy takes in"
check "and holds there" killed_by_policy "$OPEN"

# ---- what starts while nobody is asked
found() { ctl status --json | jq -e --argjson n "$1" '.. | objects | select(has("found_running")) | .found_running == $n' >/dev/null; }
AWAY=$(in_pod "$OPEN" open "$(uid 1)" away /bin/sleep 1000)
check "nothing was found running so far" found 0
agent_kill
pods start "$AWAY" >"$W/out/away" 2>&1 || not_ok "nri: a container starts without the agent: $(head -c 300 "$W/out/away")"
need_agent
check "a container that started while the agent was away is counted" wait_for 15 found 1
check "its name is in the log" grep -q "\"event\":\"found-running\".*$AWAY" "$W/usherd.log"
check "and in the status" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' status | grep -q 'payments/open/away'"
finish
