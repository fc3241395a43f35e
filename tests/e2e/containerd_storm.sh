#!/bin/bash
# tests: native
# timeout: 300
# Four clients make pods one after the other while agent and containerd are killed and started again,
# with the gate closed: nothing starts unpoliced, nothing hangs, and after the storm the agent's
# registry, its kernel side and containerd's own record agree. Then a list of many pods.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
export CTD_NRI=1 CTD_BASE_SPEC=$W/base.json
ROUNDS=${ROUNDS:-4} EACH=${EACH:-12}
mkdir -p "$W/hooks" "$W/made"
containerd_world "${CONTAINERD:-2.1}"
mode closed

# A denied entrypoint leaves a mark if it ever runs; what cannot be made meanwhile is made again.
client() { # client NUMBER
  local i=0 tries=0 sandbox made
  while [ "$i" -lt "$EACH" ] && [ "$tries" -lt 300 ]; do
    tries=$((tries + 1))
    made=$(timeout 60 "$BIN/tests/cri_pods" "$CRI" pod --namespace payments --name "storm$1-$tries" \
      --uid "$(uid $(($1 * 1000 + tries)))" --cgroup-parent "$CG" --label app=api --container main --container bad \
      --command /bin/sh --command -c --command "/denied/probe mark /tmp/storm$1-$tries; exec sleep 1000" 2>>"$W/out/client$1") &&
      { i=$((i + 1)); echo "$made" >>"$W/made/all"; continue; }
    read -r sandbox _ <<<"$made"
    [ -z "$sandbox" ] || echo "$sandbox" >>"$W/made/failed"
    read -r -t 0.2 <>"$W/never" || true
  done
  echo "$i" >"$W/made/client$1"
}
clients=()
for c in 1 2 3 4; do
  client "$c" &
  clients+=($!)
done
pods_made() { [ "$(wc -l <"$W/made/all" 2>/dev/null || echo 0)" -ge "$1" ]; }
for round in $(seq "$ROUNDS"); do
  wait_for 60 pods_made $((round * 4 * EACH / (ROUNDS + 1))) || break
  agent_kill
  if [ $((round % 2)) = 0 ]; then
    containerd_kill
    containerd_start "$CTD_VERSION"
  fi
  need_agent
done
wait "${clients[@]}"
ended=$(awk '{n += $1} END {print n}' "$W"/made/client*)
[ "$ended" = $((4 * EACH)) ] && ok "no client hangs: $ended pods were made through $ROUNDS deaths" ||
  not_ok "$ended of $((4 * EACH)) pods were made"
through=$(find "$CTD/root" -path '*/fs/tmp/storm*' | wc -l)
[ "$through" = 0 ] && ok "no denied program ran" || not_ok "$through denied programs ran"

# Pods that were made in part are removed, as a kubelet would.
sort -u "$W/made/failed" 2>/dev/null | while read -r id; do pods remove "$id" >/dev/null 2>&1; done
running() { pods list | awk '$1 == "container" {print $2}' | sort; }
registered() { workloads | jq -r '.. | objects | .container_id? // empty' | sort -u; }
agree() { running >"$W/running" && registered >"$W/registered" && cmp -s "$W/running" "$W/registered"; }
check "containerd's record and the agent's agree exactly ($(running | wc -l) containers)" wait_for 30 agree
diff "$W/running" "$W/registered" | head -5 | sed 's/^/# /'

# The same list once more, whole, to an agent that knows nothing.
before=$(registrations)
agent_kill
rm -f "$W"/run/workloads/*
need_agent
wait_for 10 more_registrations "$before"
check "an agent without records knows every container by the list" wait_for 30 agree
finish
