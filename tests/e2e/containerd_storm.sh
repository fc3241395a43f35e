#!/bin/bash
# tests: native
# timeout: 300
# Four clients make pods one after the other while agent and containerd are killed and started again,
# with the gate closed: nothing starts unpoliced, nothing hangs, and after the storm the agent's
# registry, the kernel's maps and containerd's own record agree exactly. Then the list once more, to
# an agent that knows nothing.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
# shellcheck source=containerd_agree.sh
. "$E2E/containerd_agree.sh"
export CTD_NRI=1 CTD_BASE_SPEC=$W/base.json
[ "${CONTAINERD:-2.1}" != 1.6 ] || CTD_NRI=
ROUNDS=${ROUNDS:-4} EACH=${EACH:-12}
mkdir -p "$W/hooks" "$W/made"
containerd_world "${CONTAINERD:-2.1}"
mode closed

# A denied entrypoint leaves a mark if it ever runs; what cannot be made meanwhile is made again. What
# gets no answer at all hangs, which no second try makes good: cri_pods waits for 60 s.
client() { # client NUMBER
  local i=0 tries=0 made status
  while [ "$i" -lt "$EACH" ] && [ "$tries" -lt 300 ]; do
    tries=$((tries + 1))
    made=$(timeout 150 "$BIN/tests/cri_pods" "$CRI" pod --namespace payments --name "storm$1-$tries" \
      --uid "$(uid $(($1 * 1000 + tries)))" --cgroup-parent "$CG" --label app=api --container main --container bad \
      --command /bin/sh --command -c --command "/denied/probe mark /tmp/storm$1-$tries; exec sleep 1000" 2>"$W/out/client$1")
    status=$?
    [ $status -ne 0 ] || { i=$((i + 1)); echo "$made" >>"$W/made/all"; continue; }
    cat "$W/out/client$1" >>"$W/out/clients"
    if [ $status -eq 124 ] || grep -q 'did not answer' "$W/out/client$1"; then
      echo "client $1, pod $tries: $(tail -n 1 "$W/out/client$1")" >>"$W/made/hung"
    fi
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
[ "$ended" = $((4 * EACH)) ] && ok "$ended pods were made through $ROUNDS deaths" ||
  not_ok "$ended of $((4 * EACH)) pods were made: $(tail -n 1 "$W/out/clients")"
[ ! -s "$W/made/hung" ] && ok "no client hangs" || not_ok "a client hangs: $(head -n 3 "$W/made/hung")"
through=$(find "$CTD/root" -path '*/fs/tmp/storm*' | wc -l)
[ "$through" = 0 ] && ok "no denied program ran" || not_ok "$through denied programs ran"

# Pods that were made in part are removed, as a kubelet would: again until it works.
pods list | awk '$1 == "sandbox" {print $2}' | sort >"$W/made/listed"
cut -d ' ' -f 1 "$W/made/all" | sort | comm -13 - "$W/made/listed" >"$W/made/failed"
while read -r id; do
  wait_for 1 pods remove "$id" || not_ok "pod $id cannot be removed: $(pods remove "$id" 2>&1 | head -c 300)"
done <"$W/made/failed"
check "containerd, the agent and the kernel's maps agree exactly" wait_for 1 all_agree
told="$(wc -l <"$W/in.containerd") containers, $(wc -l <"$W/in.cgroups") cgroups in the kernel"
[ "$(wc -l <"$W/in.containerd")" -ge $((4 * EACH)) ] && ok "and none is missing: $told" || not_ok "some are missing: $told"
sed 's/^/# /' "$W/in.differs"

# The same list once more, whole, to an agent that knows nothing.
before=$(registrations)
agent_kill
rm -f "$W"/run/workloads/*
need_agent
wait_for 20 more_registrations "$before"
check "an agent without records knows every container by the list" wait_for 1 all_agree
sed 's/^/# /' "$W/in.differs"
finish
