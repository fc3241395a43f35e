#!/bin/bash
# tests: both
# timeout: 240
# An operator's bad days: the agent killed again and again while containers start, a full disk, lost
# records, a policy directory that goes away, a stalled agent, two agents, teardown and release.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
deny_programs base
need_agent
rt=$(basename "$(telling)")
usherd() { timeout 20 "$BIN/usherd" --config "${CONFIG:-$W/usher.toml}" "$@" </dev/null 2>&1; }
slots() { ctl workloads --json | grep -c '"slot"'; }
none_left() { [ "$(slots)" -eq 0 ]; }
denied() {
  rm -f "$W/marks/it"
  ! exec_in "$rt" keep /denied/probe mark /marks/it && [ ! -e "$W/marks/it" ]
}
runs() { exec_in "$rt" keep /denied/probe mark /marks/it; }
says() { printf '%s' "$1" | grep -q -- "$2"; }

# 1. Killed at any moment of many starts: nothing gets through, nothing is left over.
rounds=8
[ -z "${USHER_IN_VM:-}" ] || rounds=3
for round in $(seq $rounds); do
  (
    for i in 1 2 3 4 5; do
      HOOK_TIMEOUT=8000 bundle "k$round-$i" payments "k$round-$i" main -- /denied/probe mark "/marks/k$round-$i"
      run "$rt" "k$round-$i" &
    done
    wait
  ) &
  starts=$!
  wait_for 20 test -d "$W/bundles/k$round-$((1 + round % 5))" # somewhere among the starts
  agent_kill
  agent_start || { not_ok "the agent starts after it was killed"; finish; }
  wait "$starts"
done
check "killed while containers start: none gets through" test -z "$(ls "$W/marks")"
for round in $(seq $rounds); do for i in 1 2 3 4 5; do delete "$rt" "k$round-$i"; done; done
check "and none is left enrolled" wait_for 30 none_left
check "and no record is left" wait_for 10 sh -c "[ -z \"\$(ls '$W/run/workloads')\" ]"

# 2. Two agents.
out=$(usherd)
check "a second agent is turned away" says "$out" "another usherd (pid"
sed "s#$W/run#$W/run2#g" "$W/usher.toml" >"$W/two.toml"
out=$(CONFIG=$W/two.toml usherd)
check "and one with the same pins and another run_dir" says "$out" "another usherd uses these pins"
out=$(usherd --teardown --yes)
check "teardown is refused while the agent runs" says "$out" "stop it first"

# 3. The policy directory goes away and comes back.
bundle keep payments keep main -- /usr/bin/probe sleep
check "a container runs" run_detached "$rt" keep
mv "$W/policy.d" "$W/policy.gone"
in_errors() { ctl status | grep -q "the last good ones are in force"; }
check "a policy directory that is gone is said" wait_for 10 in_errors
check "and the last good policies stay in force" denied
mv "$W/policy.gone" "$W/policy.d"
clean() { ! in_errors; }
check "its return is seen" wait_for 10 clean
sed -i 's#/denied/#/other/#' "$W/policy.d/base.toml"
check "and changes in it again" wait_for 10 runs
sed -i 's#/other/#/denied/#' "$W/policy.d/base.toml"
check "and back" wait_for 10 denied
for _ in $(seq 200); do kill -HUP "$AGENT"; done
check "a storm of SIGHUP changes nothing" denied

# 4. A stalled agent: the hook gives up in its time and says why.
kill -STOP "$AGENT"
HOOK_TIMEOUT=1000 bundle stall payments stall main -- /usr/bin/probe mark /marks/stall
run "$rt" stall
check "a stalled agent starts no container" test ! -e "$W/marks/stall"
check "and the hook says so" grep -q "gave no verdict within 1000 ms" "$W/out/stall"
kill -CONT "$AGENT"
delete "$rt" stall
only_keep() { [ "$(slots)" -eq 1 ]; }
check "what it took meanwhile does not stay" wait_for 20 only_keep

# 5. Records lost or damaged while the agent is away: still denied, and said.
agent_kill
for f in "$W"/run/workloads/*.json; do echo '{' >"$f"; done
agent_start
check "a damaged record: still denied" denied
check "and the log says which container to restart" grep -q "restart that container" "$W/usherd.log"
agent_kill
rm -f "$W"/run/workloads/*
agent_start
check "a lost record: still denied" denied
delete "$rt" keep
check "and its slot is freed at its end" wait_for 20 none_left

# 6. A full run directory: the container is refused, with the reason; with room again it starts.
agent_stop
mkdir "$W/small"
mount -t tmpfs -o size=128k,mode=0755 small "$W/small"
sed "s#$W/run#$W/small#g; s#^pins = .*#pins = \"$W/bpf/small\"#" "$W/usher.toml" >"$W/small.toml"
"$BIN/usherd" --config "$W/small.toml" >>"$W/usherd.log" 2>&1 </dev/null &
small=$!
wait_for 30 "$BIN/usherctl" --socket "$W/small/admin.sock" status
head -c 1000000 /dev/zero >"$W/small/fill" 2>/dev/null
bundle full payments full main -- /usr/bin/probe mark /marks/full
sed -i "s#$W/run/#$W/small/#g" "$W/bundles/full/config.json"
run "$rt" full
check "a full run directory starts no container" test ! -e "$W/marks/full"
check "and its user is told why" grep -q "No space left on device" "$W/out/full"
delete "$rt" full
rm "$W/small/fill"
run "$rt" full
check "with room again it starts" test -e "$W/marks/full"
delete "$rt" full
kill "$small"
wait "$small"
CONFIG=$W/small.toml usherd --teardown --yes >/dev/null
umount "$W/small"

# 7. Ways out.
agent_start
run_detached "$rt" keep
check "denied before the ways out" denied
ctl mode audit >/dev/null
check "mode audit lets it" runs
ctl mode enforce >/dev/null
check "mode enforce denies again" denied
agent_stop
out=$(usherd --teardown)
check "teardown without an answer changes nothing" denied
usherd --teardown --yes >/dev/null
check "after a teardown nothing is denied" runs
check "and nothing is pinned" test ! -e "$W/bpf/usher"
agent_start
check "a start enrols what is on record again" denied
check "release without --yes is refused" sh -c "! '$BIN/usherctl' --socket '$W/run/admin.sock' release keep"
ctl release keep --yes >/dev/null
check "a release lets it" runs
agent_kill
agent_start
check "a release outlives the agent" runs
delete "$rt" keep
finish
