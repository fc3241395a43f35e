#!/bin/bash
# tests: native
# timeout: 600
# A hundred pods at once: told by one Synchronize to an agent that starts, with its records and
# without them, all containers adopted under the identities that they had; and 30 that start in parallel.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
# shellcheck source=containerd_agree.sh
. "$E2E/containerd_agree.sh"
export CTD_NRI=1 CTD_BASE_SPEC=$W/base.json
PODS=${PODS:-100} RUNNING=${RUNNING:-30}
mkdir -p "$W/hooks" "$W/pods"
containerd_world "${CONTAINERD:-2.1}"
mode closed

# Four kubelets' worth of pods; the first $RUNNING have a container that is made and not started.
sandboxes() { # sandboxes FIRST: every fourth from it
  local i
  for ((i = $1; i <= PODS; i += 4)); do
    pod payments "many$i" "$(uid "$i")" --label app=api --label "number=n$i" >"$W/pods/$i" 2>>"$W/out/pods" || continue
    [ "$i" -gt "$RUNNING" ] || in_pod "$(cat "$W/pods/$i")" "many$i" "$(uid "$i")" main /bin/sleep 1000 >"$W/pods/$i.main"
  done
}
clients=()
for first in 1 2 3 4; do
  sandboxes $first &
  clients+=($!)
done
wait "${clients[@]}"
pods list >"$W/list"
check "$PODS pods are made" test "$(grep -c '^sandbox ' "$W/list")" = "$PODS"

# ---- 30 starts at once; what a busy machine keeps longer than its gate may wait is refused with a
# reason, and is started again as a kubelet would: a container that failed to start is another then.
start_all() { # ID…
  local id clients=()
  for id in "$@"; do
    pods start "$id" >"$W/out/start-$id" 2>&1 &
    clients+=($!)
  done
  wait "${clients[@]}"
}
mapfile -t ids < <(cat "$W"/pods/*.main)
start_all "${ids[@]}"
unexplained=0 refused=0
for id in "${ids[@]}"; do
  [ ! -s "$W/out/start-$id" ] || { refused=$((refused + 1)); grep -qi usher "$W/out/start-$id" || unexplained=$((unexplained + 1)); }
done
[ $unexplained = 0 ] && ok "$RUNNING containers start at once, or are refused with a reason ($refused)" ||
  not_ok "$unexplained of $RUNNING starts failed without a reason: $(cat "$W"/out/start-* | head -n 1 | cut -c1-200)"
[ $refused -lt $((RUNNING / 2)) ] && ok "most of them start" || not_ok "$refused of $RUNNING are refused"
check "containerd, the agent and the kernel agree" wait_for 1 all_agree
sed 's/^/# /' "$W/in.differs"

# ---- the list
identities() {
  workloads | jq -S '[.. | objects | select(has("container_id")) |
    {container_id, pod_namespace, pod_name, pod_uid, container_name, image, runtime_handler, sandbox_id,
     labels, labels_known, cgroup_id, mntns, policies}] | sort_by(.container_id)'
}
identities >"$W/before"
check "labels are known of each" jq -e --argjson n $((RUNNING - refused)) \
  'length == $n and all(.labels_known and (.labels | length) == 2)' "$W/before"
same_identities() { identities >"$W/after" && cmp -s "$W/before" "$W/after"; }
told() { tail -n +"$1" "$W/usherd.log" | grep -q "the runtime's list is complete: $PODS sandboxes"; }
again() { # again TEXT
  local from
  agent_kill
  from=$(($(wc -l <"$W/usherd.log") + 1))
  [ "$1" != "without its records" ] || rm -f "$W"/run/workloads/*
  need_agent
  check "$1: an agent is told of all $PODS pods by one list" wait_for 20 told "$from"
  check "$1: every container has the identity that it had" wait_for 5 same_identities
  diff "$W/before" "$W/after" | head -n 6 | sed 's/^/# /'
  check "$1: nothing is enrolled anew" sh -c "! tail -n +$from '$W/usherd.log' | grep -q '\"event\":\"enrolled\"'"
  check "$1: containerd, the agent and the kernel agree" wait_for 1 all_agree
  LAST_MAIN=$(jq -r '.[0].container_id' "$W/before")
  still_enforced "$1: and the policy holds" "many-${1%% *}"
}
again "with its records"
again "without its records"

# ---- and a pod that is told by the list alone gets its policy at its first container
SANDBOX=$(cat "$W/pods/$PODS")
C=$(in_pod "$SANDBOX" "many$PODS" "$(uid "$PODS")" late /denied/probe mark /tmp/late)
pods start "$C" >"$W/out/late" 2>&1
ran late && not_ok "what is denied ran in a pod of the list"
killed_by_policy "$C" && ok "a pod known by the list has its labels when a container starts" || not_ok "no verdict in a pod of the list"
finish
