#!/bin/bash
# tests: native
# timeout: 300
# What each mode of containerd's gate promises while the agent stands still or is dead, and that its
# holes are those that docs/containerd.md names, and close when the agent is back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
export CTD_NRI=1 HOOK_MS=2000
containerd_world "${CONTAINERD:-2.1}"

n=0
# A pod of the policy with a container that is made and not started; sets SANDBOX and C.
made() { # made MARK
  n=$((n + 1))
  MARK=$1
  SANDBOX=$(pod payments "pod$n" "$(uid "$n")" --label app=api)
  C=$(in_pod "$SANDBOX" "pod$n" "$(uid "$n")" main /bin/sh -c "probe mark /tmp/$1; exec sleep 1000")
}
starts() { # TEXT: it starts, and its program runs
  pods start "$C" >"$W/out/$MARK" 2>&1 && wait_for 5 ran "$MARK" && ok "$1" ||
    not_ok "$1: $(head -c 300 "$W/out/$MARK")"
}
refused() { # TEXT: it does not start, and the hook says why
  if pods start "$C" >"$W/out/$MARK" 2>&1; then not_ok "$1: it started"; else
    grep -q usher "$W/out/$MARK" && ! ran "$MARK" && ok "$1" || not_ok "$1: $(head -c 300 "$W/out/$MARK")"; fi
}
adopted() { # TEXT: the agent knows it again, and its policy holds
  LAST_MAIN=$C
  check "$1: it is adopted" wait_for 15 known "$C"
  still_enforced "$1: and its policy holds from then on" "x-$MARK"
}
stand_still() { kill -STOP "$AGENT"; }
go_on() {
  local before
  before=$(registrations)
  kill -CONT "$AGENT"
  wait_for 15 more_registrations "$before" || not_ok "$1: registered again after it stood still"
}
dies_and_returns() { # TEXT COMMAND…: the command while it is dead
  local before
  agent_kill
  "${@:2}" "$1"
  before=$(registrations)
  need_agent
  wait_for 15 more_registrations "$before" || not_ok "$1: registered again"
}

# ---- nri: fails open, and adopts
mode nri
made nri-slow
stand_still
starts "nri: an agent that stands still is dropped, and the container starts"
go_on nri
adopted "nri, stood still"
made nri-dead
dies_and_returns "nri: without an agent a container starts" starts
adopted "nri, was dead"
check "and the agent said that it was not registered" grep -q 'closed the NRI connection' "$W/usherd.log"

# ---- inject: closed from the create on
mode inject
made inject-slow
stand_still
refused "inject: a container that was made before the agent stood still does not start"
made inject-late
starts "inject: one that was made meanwhile starts"
go_on inject
adopted "inject, made meanwhile"
made inject-dead
dies_and_returns "inject: killed between create and start, nothing starts" refused

# ---- closed: closed
agent_stop
base_spec "$W/base.json"
CTD_BASE_SPEC=$W/base.json containerd_config
containerd_kill
containerd_start "$CTD_VERSION"
mode closed
made closed-slow
stand_still
refused "closed: nothing starts while the agent stands still"
made closed-late
refused "closed: nor what is made meanwhile"
go_on closed
made closed-dead
dies_and_returns "closed: killed between create and start, nothing starts" refused

# ---- many at once
starts=()
for i in $(seq 30); do
  [ $((i % 10)) = 1 ] && { n=$((n + 1)); S=$(pod payments "many$n" "$(uid "$n")" --label app=api); }
  starts+=("$(in_pod "$S" "many$n" "$(uid "$n")" "c$i" /denied/probe mark "/tmp/many$i")")
done
clients=()
for id in "${starts[@]}"; do
  pods start "$id" >"$W/out/start-$id" 2>&1 &
  clients+=($!)
done
wait "${clients[@]}"
# A start that a busy machine keeps longer than its gate may wait is refused, with the agent's word.
all_judged() {
  local id
  for id in "${starts[@]}"; do
    grep '"event":"verdict"' "$W/usherd.log" | grep -q "\"container_id\":\"$id\"" ||
      grep -qi 'usher' "$W/out/start-$id" || return 1
  done
}
check "30 containers that start at once are all judged, or refused with a reason" wait_for 20 all_judged
through=$(find "$CTD/root" -path '*/fs/tmp/many*' | wc -l)
[ "$through" = 0 ] && ok "and none of their denied entrypoints ran" || not_ok "$through denied entrypoints ran"
finish
