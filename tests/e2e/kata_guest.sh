#!/bin/bash
# tests: native
# timeout: 600
# Policy inside virtual machines: an agent of ours runs in each, gets identity and policies from the
# agent on the host through the machine's vsock, and enforces them with the machine's own kernel.
# Kata's runtime and its agent are played: tests/vm/kata/README.md.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=../vm/kata/machines.sh
. "$ROOT/tests/vm/kata/machines.sh"
export GUEST_AGENT=1
kata_world "agent = /run/usher/hook.sock" "deadline = 1900ms" -- a b

told() { grep '"event":"verdict"' "$W/usherd.log" | grep "$1" | grep -q '"rule":"denied-programs"'; }
in_guest() { guest "$SANDBOX" exec "$@" | grep -q 'exit 0'; }
denied_in() { # denied_in TEXT MARK
  in_guest "$MAIN" /denied/probe mark "/marks/$2"
  may_not_run "$1" "$SANDBOX" "$2"
}

SANDBOX=$(kata_pod payments pay-0 1) || not_ok "a pod under a policy gets its machine"
DENIED=$(kata_container "$SANDBOX" payments pay-0 1 denied /denied/probe mark /marks/denied)
pods start "$DENIED" >"$W/out/denied" 2>&1
may_not_run "a denied entrypoint in the machine does not run" "$SANDBOX" denied
check "the event on the host names the container, the policy and the rule" wait_for 10 told "$DENIED"
check "and the pod" eval 'grep "\"event\":\"verdict\"" "$W/usherd.log" | grep "$DENIED" | grep -q "pay-0"'
MAIN=$(kata_container "$SANDBOX" payments pay-0 1 main /bin/sh -c '/usr/bin/probe mark /marks/main; exec sleep 100000')
check "a container beside it starts" pods start "$MAIN"
check "and runs" wait_for 10 guest_ran "$SANDBOX" main
denied_in "what is executed in it later is under the policy too" exec1
check "what the policy allows runs there" eval 'in_guest "$MAIN" /usr/bin/probe mark /marks/exec2 && guest_ran "$SANDBOX" exec2'
check "status names the guest's agent" eval 'ctl status | grep -qi guest'

OTHER=$(kata_pod open web-0 2) || not_ok "a pod in another namespace gets its machine"
C=$(kata_container "$OTHER" open web-0 2 main /denied/probe mark /marks/main)
check "the same program in another namespace starts" pods start "$C"
check "and runs" wait_for 10 guest_ran "$OTHER" main

# ---- a policy's change reaches a guest that runs
policy guest-programs <<'T'
[policy]
name = "guest-programs"
[select]
namespaces = ["payments"]
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/", "/usr/bin/probe"]
action = "deny"
T
changed() { ! in_guest "$MAIN" /usr/bin/probe mark /marks/changing; }
check "a rule that is added on the host holds in the machine" wait_for 20 changed

# ---- the agent on the host dies and comes back
agent_kill
denied_in "enforcement in the machine goes on without the host's agent" exec3
G=$(kata_container "$SANDBOX" payments pay-0 1 while-down /bin/touch /marks/while-down)
may_not_start "nothing new starts there meanwhile" "$G"
need_agent
wait_for 20 more_registrations 1
H=$(kata_container "$SANDBOX" payments pay-0 1 after /bin/touch /marks/after)
back() { pods start "$H" || { H=$(kata_container "$SANDBOX" payments pay-0 1 "after$RANDOM" /bin/touch /marks/after) && false; }; }
check "with the agent back containers start again" wait_for 20 back
check "and run" wait_for 10 guest_ran "$SANDBOX" after
denied_in "and the policy still holds" exec4
finish
