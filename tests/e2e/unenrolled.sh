#!/bin/bash
# tests: native
# timeout: 300
# Containerd's mode nri without an agent, by what unenrolled says: allow, containers start
# unpoliced; audit, they start and are told; deny, they do not run, while sandboxes and what is
# enrolled go on, and start once the agent is back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
export CTD_NRI=1 CTD_ENTRYPOINT='["/pause","sleep"]'
# Where the kernel takes LSM programs the exec is refused, elsewhere its process is killed.
[ -z "${USHER_IN_VM:-}" ] || export CTD_BACKEND=lsm CTD_ACTION=deny
cp "$BIN/tests/probe" "$W/rootfs/pause"
containerd_world "${CONTAINERD:-2.1}"
TOP=$CG

n=0
sandbox() { # sandbox TEXT: a pod in a pod's cgroup; sets SANDBOX, and CG for in_pod
  n=$((n + 1))
  CG=$TOP/kubepods/besteffort/pod$(uid "$n")
  SANDBOX=$(pod payments "pod$n" "$(uid "$n")" --label app=api)
  check "$1: the pause program runs" wait_for 30 pause_runs
}
pause_runs() { # one that was killed is a zombie, or gone
  local pid
  for pid in $(cat "/sys/fs/cgroup$CG/$SANDBOX/cgroup.procs"); do
    [ "$(cat "/proc/$pid/comm")" = pause ] && ! grep -q '^State:.*Z' "/proc/$pid/status" && return 0
  done
  return 1
}
container() { # container MARK: sets C
  MARK=$1
  C=$(in_pod "$SANDBOX" "pod$n" "$(uid "$n")" "c-$1" /bin/sh -c "probe mark /tmp/$1; exec sleep 1000")
}
start() { pods start "$C" >"$W/out/$MARK" 2>&1; }
answer() { # answer WORD
  sed -i -e '/^unenrolled = /d' -e "s/^pins = .*/&\nunenrolled = \"$1\"/" "$W/usher.base"
  mode nri
  check "unenrolled = $1 comes into force" wait_for 20 in_force "$1"
}
in_force() { ctl status --json | grep -q "\"unenrolled\": *\"$1\""; }
back() {
  local before
  before=$(registrations)
  need_agent
  wait_for 30 more_registrations "$before" || not_ok "$1: registered again"
}
told() { # told VERDICT: an event that names pod and container
  grep '"event":"verdict"' "$W/usherd.log" | grep -F "nobody enrolled" | grep -F "\"verdict\":\"$1\"" |
    grep -F "\"pod_uid\":\"$(uid "$n")\"" | grep -qF "\"container_id\":\"$C\""
}

answer allow
agent_kill
sandbox allow
container allow
check "allow: without an agent a container starts" start
check "allow: unpoliced" wait_for 30 ran allow
back allow
check "allow: and is adopted when the agent is back" wait_for 30 known "$C"

answer audit
agent_kill
sandbox audit
container audit
check "audit: without an agent a container starts" start
check "audit: and runs" wait_for 30 ran audit
back audit
check "audit: the agent tells of it when it is back" wait_for 30 told would-deny
check "audit: and adopts it" wait_for 30 known "$C"

answer deny
sandbox "deny, agent up"
container kept
check "deny, agent up: a container starts as ever" start
check "deny, agent up: and runs" wait_for 30 ran kept
LAST_MAIN=$C
agent_kill
sandbox "deny, agent dead"
container denied
start
back deny
check "deny, agent dead: the agent tells of the container when it is back" wait_for 30 told deny
ran denied && not_ok "deny, agent dead: a container ran" || ok "deny, agent dead: it did not run"
container again
check "deny, agent back: the pod's next container starts" start
check "deny, agent back: and runs" wait_for 30 ran again
agent_kill
ctr -n k8s.io task exec --exec-id kept "$LAST_MAIN" /usr/bin/probe mark /tmp/kept-exec >"$W/out/kept-exec" 2>&1 </dev/null
check "deny, agent dead: exec into what was enrolled before works" ran kept-exec
still_enforced "deny, agent dead: and is held to its policy" kept-denied
need_agent
check "usherctl says the setting and its count" sh -c \
  "'$BIN/usherctl' --socket '$W/run/admin.sock' status | grep -q 'unenrolled pods: deny (met by [1-9]'"
finish
