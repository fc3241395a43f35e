#!/bin/bash
# tests: native
# timeout: 600
# What containerd and the agent say to each other over NRI is spoilt on the way: another stream,
# garbage, half a message, lengths that cannot be, an error, everything twice, nothing at all, too
# late. Each mode keeps what docs/containerd.md promises, nobody hangs, and the agent comes back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
[ -x "$BIN/tests/nri_meddler" ] || skip_all "nri_meddler is not built"
export CTD_NRI=1 HOOK_MS=5000
containerd_world "${CONTAINERD:-2.1}"
FAULTS=${FAULTS:-"stream garbage truncated oversized muxlength status doubled dropped late"}
START=StateChange:6
ORDER=$W/run/order

"$BIN/tests/nri_meddler" "$W/run/nri.sock" "$NRI" "$ORDER" >"$W/meddled" 2>&1 &
MEDDLER=$!
trap 'kill $MEDDLER; containerd_end; world_end' EXIT
wait_for 10 test -S "$W/run/nri.sock"
NRI=$W/run/nri.sock

registered() { ctl adapters | grep -q 'registered with'; }
n=0
begin_pod() { # a pod of the policy; sets SANDBOX
  n=$((n + 1))
  SANDBOX=$(pod payments "wrong$n" "$(uid "$n")" --label app=api)
}
# A container that would run what is denied first, and then go on; sets C and MARK.
made() {
  i=$((${i:-0} + 1)) MARK=wrong$i
  C=$(in_pod "$SANDBOX" "wrong$n" "$(uid "$n")" "c$i" /bin/sh -c \
    "/denied/probe mark /tmp/$MARK; probe mark /tmp/after-$MARK; exec sleep 1000" 2>"$W/out/$MARK")
}
# Sets STATUS; a start takes at most as long as the hook waits, and what runc and the machine take.
started() {
  timeout 60 "$BIN/tests/cri_pods" "$CRI" start "$C" >"$W/out/$MARK" 2>&1
  STATUS=$?
  [ $STATUS -ne 124 ] || not_ok "$1: the start hangs"
}
order() { echo "$1" >"$ORDER"; }
came_to_pass() { # TEXT: the fault was there, the same agent still is, and is registered
  [ ! -e "$ORDER" ] || { not_ok "$1: was never injected"; rm -f "$ORDER"; }
  kill -0 "$AGENT" 2>/dev/null || not_ok "$1: the agent died"
  wait_for 20 registered || not_ok "$1: the agent is not registered again: $(ctl adapters | tail -n 2)"
}

# ---- closed: a container starts under its policy or not at all
closed_holds() { # TEXT
  if [ $STATUS -ne 0 ]; then
    ran "after-$MARK" && not_ok "$1: refused, and it ran" || ok "$1: does not start"
  elif ran "$MARK"; then
    not_ok "$1: started unpoliced"
  else
    killed_by_policy "$C" && ok "$1: starts under its policy" || not_ok "$1: started, and there is no verdict"
  fi
}
# ---- nri, inject: it starts under its policy, not at all, or is adopted afterwards
adopted_at_least() { # TEXT
  if [ $STATUS -ne 0 ]; then
    ran "after-$MARK" && not_ok "$1: refused, and it ran" || ok "$1: does not start"
  elif ! wait_for 20 ran "after-$MARK"; then
    not_ok "$1: started, and nothing of it runs"
  elif ! ran "$MARK"; then
    killed_by_policy "$C" && ok "$1: starts under its policy" || not_ok "$1: started, and there is no verdict"
  else
    LAST_MAIN=$C
    wait_for 20 known "$C" || not_ok "$1: started unpoliced, and never adopted"
    still_enforced "$1: starts unpoliced, and is adopted" "x-$MARK"
  fi
}

base_spec "$W/base.json"
NRI=$CTD/nri.sock CTD_BASE_SPEC=$W/base.json containerd_config
containerd_kill
containerd_start "$CTD_VERSION"
mode closed
begin_pod
for fault in $FAULTS; do
  for side in answer request; do
    made
    order "$side $START $fault"
    started "closed: $side $fault"
    closed_holds "closed: StartContainer's $side $fault"
    came_to_pass "closed: $side $fault"
  done
done
for fault in stream garbage doubled dropped; do
  order "answer RegisterPlugin $fault"
  agent_stop
  need_agent
  made
  started "closed: registration $fault"
  closed_holds "closed: the registration's answer $fault"
  came_to_pass "closed: registration $fault"
done

# An agent that is alive and slow: each message waits for it, none long enough to lose it.
slowly() { # SECONDS
  kill -STOP "$AGENT"
  timeout 60 "$BIN/tests/cri_pods" "$CRI" start "$C" >"$W/out/$MARK" 2>&1 &
  local client=$!
  read -r -t "$1" <>"$W/never"
  kill -CONT "$AGENT"
  wait $client
  STATUS=$?
}
for seconds in 0.9 1.4 1.8; do
  made
  slowly $seconds
  closed_holds "closed: an agent that is $seconds s slow"
done

NRI=$CTD/nri.sock CTD_BASE_SPEC='' containerd_config
containerd_kill
containerd_start "$CTD_VERSION"
mode nri
begin_pod
for fault in $FAULTS; do
  made
  order "answer $START $fault"
  started "nri: $fault"
  adopted_at_least "nri: StartContainer's answer $fault"
  came_to_pass "nri: $fault"
done
for seconds in 0.9 1.4; do
  made
  slowly $seconds
  adopted_at_least "nri: an agent that is $seconds s slow"
  came_to_pass "nri: $seconds s slow"
done

mode inject
begin_pod
for fault in $FAULTS; do
  order "answer CreateContainer $fault"
  made
  if [ -z "$C" ]; then
    ok "inject: CreateContainer's answer $fault: is not made"
  else
    started "inject: $fault"
    adopted_at_least "inject: CreateContainer's answer $fault"
  fi
  came_to_pass "inject: $fault"
done
finish
