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
denied() { may_not_exec "$1" "$SANDBOX" "$MAIN" /denied/probe mark /marks/exec; }
dial() { ends "$SANDBOX" "exit 0" exec "$MAIN" /usr/bin/dial vsock:4051 "$@"; }
tries() { # how often the container has tried what is denied
  ends "$SANDBOX" "exit 0" guest "cat /run/kata-rootfs/marks/tries" && TRIES=$(echo "$ANSWER" | tr -dc '0-9 ' | awk '{print $2}')
}
guest_of() { ctl --json status | jq -c --arg id "$1" '.. | objects | select(.sandbox_id? == $id and has("session"))'; }
has_session() { guest_of "$1" | jq -e '.session == "connected" and .trouble == ""'; }

need_pod SANDBOX "a pod under a policy gets its machine" payments pay-0 1
DENIED=$(kata_container "$SANDBOX" payments pay-0 1 denied /denied/probe mark /marks/denied)
pods start "$DENIED" >"$W/out/denied" 2>&1
check "the event of a denied entrypoint names the container, the policy and the rule" wait_for 10 told "$DENIED"
check "and the pod" eval 'grep "\"event\":\"verdict\"" "$W/usherd.log" | grep "$DENIED" | grep -q "pay-0"'
may_not_run "it did not run in the machine" "$SANDBOX" denied
# It tries what is denied, over and over, as long as it lives.
MAIN=$(kata_container "$SANDBOX" payments pay-0 1 main /bin/sh -c '/usr/bin/probe mark /marks/main
  i=0; while :; do /denied/probe mark /marks/loop; i=$((i + 1)); echo $i >/marks/tries; sleep 0.1; done 2>/dev/null')
check "a container beside it starts" pods start "$MAIN"
check "and runs" wait_for 10 guest_ran "$SANDBOX" main
denied "what is executed in it later is under the policy too"
check "what the policy allows runs there" ends "$SANDBOX" "exit 0" exec "$MAIN" /usr/bin/probe mark /marks/allowed
check "status names the guest's agent" eval 'ctl status | grep -qi guest'

need_pod OTHER "a pod in another namespace gets its machine" open web-0 2
C=$(kata_container "$OTHER" open web-0 2 main /bin/sh -c '/denied/probe mark /marks/main; exec sleep 100000')
check "the same program in another namespace starts" pods start "$C"
check "and runs" wait_for 10 guest_ran "$OTHER" main

# ---- a workload dials the relay's port, beside the guest's agent
LATE=$(kata_container "$SANDBOX" payments pay-0 1 late /bin/touch /marks/late)
while read -r what container type text; do
  check "$text" dial "$what" "$container"
  check "and is told: $type" wait_for 5 warned "$type" pay-0
done <<T
hello - guest-second-session a second session is refused
token - guest-bad-token so is one that is taken up with a made-up token
claim $LATE guest-claim-beside-session so is a claim beside the session
oversize - guest-protocol so is more than 64 KiB
T
check "the guest's agent goes on" eval 'pods start "$LATE" && wait_for 10 guest_ran "$SANDBOX" late'

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
changed() { ends "$SANDBOX" "exit 126" exec "$MAIN" /usr/bin/probe mark /marks/changing; }
check "a rule that is added on the host holds in the machine" wait_for 20 changed

# ---- the agent on the host dies and comes back
tries || not_ok "the container tells its tries: $ANSWER"
before=$TRIES
agent_kill
denied "enforcement in the machine goes on without the host's agent"
G=$(kata_container "$SANDBOX" payments pay-0 1 while-down /bin/touch /marks/while-down)
may_not_start "nothing new starts there meanwhile" "$G"
need_agent
wait_for 20 more_registrations 1
H=$(kata_container "$SANDBOX" payments pay-0 1 after /bin/touch /marks/after)
back() { pods start "$H" || { H=$(kata_container "$SANDBOX" payments pay-0 1 "after$RANDOM" /bin/touch /marks/after) && false; }; }
check "with the agent back containers start again" wait_for 20 back
check "and run" wait_for 10 guest_ran "$SANDBOX" after
denied "and the policy still holds"
tries || not_ok "the container tells its tries: $ANSWER"
check "what is denied was tried all the while ($((TRIES - before)) times)" test "$TRIES" -gt $((before + 10))
may_not_run "and never ran" "$SANDBOX" loop

# ---- a machine ends in the middle of a claim
check "the agent has the other guest's session" wait_for 10 has_session "$OTHER"
unmade=$(printf %064d 5)
guest "$OTHER" guest "BUNDLE=/run/kata-containers/$C /usher/tests/vm/kata/by_hand $unmade wait >/dev/null 2>&1 &" >/dev/null
asking() { ends "$OTHER" "exit 0" guest "pgrep -x usher-watchdog"; }
check "a claim waits for its verdict" wait_for 5 asking
read -r -t 0.3 <>"$W/never"
machine_kill "$OTHER"
away() { guest_of "$OTHER" | jq -r '.session + " " + .trouble' | grep -q "^lost .*not connected"; }
check "a machine that ends in the middle of a claim is noticed: status says that its agent is away" wait_for 5 away
rm -rf "${KATA:?}/sandboxes/$OTHER"
check "and forgotten with its folder" wait_for 5 test ! -e "$W/run/kata/$OTHER"
check "its pod can be removed" timeout 30 "$BIN/tests/cri_pods" "$CRI" remove "$OTHER"
gone() { ! ctl --json status | grep -q "$OTHER"; }
check "and nothing of it is left" wait_for 5 gone
I=$(kata_container "$SANDBOX" payments pay-0 1 beside /bin/touch /marks/beside)
check "the other machine goes on" eval 'pods start "$I" && wait_for 10 guest_ran "$SANDBOX" beside'
denied "and is under its policy"
finish
