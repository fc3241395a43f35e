#!/bin/bash
# tests: native
# timeout: 600
# Pods of a real containerd in real virtual machines, gated and named by the agent on the host through
# the machines' vsock. Kata's runtime and its agent in the machines are played:
# tests/vm/kata/README.md.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=../vm/kata/machines.sh
. "$ROOT/tests/vm/kata/machines.sh"
# Without an agent in the guest nothing can be enforced there: a policy with rules refuses the pod.
kata_world "relay = vsock:4051" "deadline = 1900ms" -- a b

claim_by_hand() { # claim_by_hand SANDBOX ID: what the hook says in that machine for this container
  local state='{\"ociVersion\":\"1.2.1\",\"id\":\"'$2'\",\"status\":\"created\",\"pid\":%d}'
  guest "$1" guest "sleep 1000 & printf \"$state\" \$! | /run/kata-hooks/prestart/usher-hook prestart 2>/run/said; s=\$?; kill \$! || s=9; exit \$s"
}
# ---- guests without an agent of ours: the hook claims from the relay
OPEN=$(kata_pod open web-0 1) || not_ok "a pod that no policy selects starts"
check "its sandbox is a machine" test -S "$KATA/sandboxes/$OPEN/kata.hvsock"
C=$(kata_container "$OPEN" open web-0 1 main /bin/sh -c '/denied/probe mark /marks/main; exec sleep 100000')
check "its container starts" pods start "$C"
check "and runs in the machine" wait_for 10 guest_ran "$OPEN" main
check "the agent knows it as the guest's" eval 'workloads | tee "$W/w" | grep -q "$C"'

PAID=$(kata_pod payments pay-0 2) || not_ok "a pod whose policy cannot be enforced gets its sandbox"
D=$(kata_container "$PAID" payments pay-0 2 main /denied/probe mark /marks/main)
may_not_start "a container whose policy the guest cannot enforce does not start" "$D"
check "it was killed in the machine" grep -q 'signal 9' "$W/out/$D"
may_not_run "it did not run" "$PAID" main

# ---- what is no runtime's claim
check "a container that was let go already is not let go again" eval 'claim_by_hand "$OPEN" "$C" | grep -q "exit [19]"'
check "a container that nobody made is not let go" eval 'claim_by_hand "$OPEN" "$(printf %064d 7)" | grep -q "exit [19]"'
E=$(kata_container "$OPEN" open web-0 1 late /denied/probe mark /marks/late)
check "a container of another machine is not let go" eval 'claim_by_hand "$PAID" "$E" | grep -q "exit [19]"'
check "and can still start in its own" eval 'pods start "$E" && wait_for 10 guest_ran "$OPEN" late'

# ---- the agent on the host is gone, and comes back
F=$(kata_container "$OPEN" open web-0 1 while-down /denied/probe mark /marks/while-down)
agent_kill
may_not_start "without an agent on the host nothing starts in a machine" "$F"
need_agent
wait_for 10 more_registrations 1
G=$(kata_container "$OPEN" open web-0 1 after /denied/probe mark /marks/after)
check "with the agent back claims are answered again" eval 'pods start "$G" && wait_for 10 guest_ran "$OPEN" after'
may_not_run "what was refused meanwhile never ran" "$OPEN" while-down
finish
