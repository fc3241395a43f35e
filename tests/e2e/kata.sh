#!/bin/bash
# tests: native
# timeout: 600
# Pods of a real containerd in real virtual machines, gated and named by the agent on the host through
# the machines' vsock; and all that a guest may say that is no runtime's claim. Kata's runtime and its
# agent in the machines are played: tests/vm/kata/README.md.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=../vm/kata/machines.sh
. "$ROOT/tests/vm/kata/machines.sh"
# Without an agent in the guest nothing can be enforced there: a policy with rules refuses the pod.
KATA_SETTINGS=('missing = "kill"' 'missing_after = "1s"')
kata_world "relay = vsock:4051" "deadline = 1500ms" -- a b

id() { printf '%064d' "$1"; }
listening() { awk '$6 == "01" && /kata.hvsock_4051$/' /proc/net/unix | wc -l; }
asking() { awk '$6 == "03" && /kata.hvsock_4051$/ { n++ } END { exit !n }' /proc/net/unix; }
quiet() { ! asking; }
by_hand() { guest "$1" guest "/usher/tests/vm/kata/by_hand $2 $3"; }

# What this policy asks for in the guest cannot be had there; on the host it holds the machine's own
# processes, here one that stands for virtiofsd and was there before the agent heard of the sandbox.
mkdir "$W/denied" && cp "$BIN/tests/probe" "$W/denied/probe"
policy machines <<T
[policy]
name = "machines"
degrade = true
[select]
namespaces = ["open"]
sandboxes = true
[[rule]]
name = "machines-run-no-probe"
on = "exec"
paths = ["$W/denied/"]
action = "kill"
T
ctl reload >"$W/out/reload" 2>&1 || not_ok "reload: $(head -c 300 "$W/out/reload")"
mkfifo "$KATA/machines/helper"

# ---- guests without an agent of ours: the hook claims from the relay
need_pod OPEN "a pod whose policy may be degraded gets its machine" open web-0 1
C=$(kata_container "$OPEN" open web-0 1 main /bin/sh -c '/denied/probe mark /marks/main; exec sleep 100000')
check "its container starts, whatever another's hook returns" pods start "$C"
check "and runs in the machine" wait_for 10 guest_ran "$OPEN" main
check "the agent knows it as the guest's" eval 'workloads | tee "$W/w" | grep -q "$C"'


# ---- the machine's own processes on the host
one_machine() { workloads | jq -e --arg id "$OPEN" '[.. | objects | select(.container_id? == $id and .host_root)] | length == 1'; }
check "the machine is a workload of its pod on the host" wait_for 10 one_machine
cat >"$KATA/machines/helper-$OPEN" <<T
"$BIN/tests/probe" mark "$W/machine-may"
"$W/denied/probe" mark "$W/machine-may-not"
echo \$? >"$W/machine-said"
T
check "a process of the machine's runs what its pod's policy lets it" wait_for 10 test -s "$W/machine-said" -a -e "$W/machine-may"
check "and not what that denies" eval '[ "$(cat "$W/machine-said")" != 0 ] && [ ! -e "$W/machine-may-not" ]'
check "the event names pod, policy and rule" wait_for 5 eval 'grep "$W/denied/probe" "$W/usherd.log" | grep web-0 | grep -q "machines-run-no-probe"'

need_pod PAID "a pod whose policy cannot be enforced gets its machine" payments pay-0 2
D=$(kata_container "$PAID" payments pay-0 2 main /denied/probe mark /marks/main)
may_not_start "a container whose policy the guest cannot enforce is killed before its start" "$D"
may_not_run "it did not run" "$PAID" main

# ---- a workload dials the relay's port itself
E=$(kata_container "$OPEN" open web-0 1 late /denied/probe mark /marks/late)
while read -r sandbox what container text; do
  ANSWER=
  ends "${!sandbox}" "exit 0" exec "${!sandbox}" /usr/bin/dial vsock:4051 "$what" "$container" ||
    not_ok "$text: $ANSWER"
  [[ $ANSWER != "ok exit 0"* ]] || ok "$text"
done <<T
OPEN claim $C a container that was let go already is not let go again
OPEN claim $(id 7) one that nobody made is not
PAID claim $E one of another machine is not
OPEN replay $(id 8) nor by a nonce that was used before
OPEN again $(id 9) nor by a second claim behind the first
OPEN hello - a session is refused once containers were claimed
OPEN token - also with a token, of the workload's own making
OPEN other - as is what is neither claim nor hello
OPEN oversize - more than 64 KiB
OPEN empty - a frame of nothing
OPEN garbage - what is no frame
OPEN cut - half a frame
OPEN silent - silence
OPEN fuzz $(id 10) and claims with a byte changed
T
for type in replay protocol late-session silent; do
  check "the host is told: guest-$type" wait_for 5 warned "guest-$type" "$OPEN"
done
check "the container can still start in its own machine" eval 'pods start "$E" && wait_for 10 guest_ran "$OPEN" late'

# ---- the relay does not answer, and what may become of the hook meanwhile
kill -STOP "$AGENT"
check "a slow relay, a hook that is killed, one that hangs: each time the process is killed within 2 s" \
  ends "$OPEN" "exit 0" guest "cd /usher/tests/vm/kata; ./by_hand $(id 1) wait & a=\$!; ./by_hand $(id 2) kill & b=\$!; ./by_hand $(id 3) stop & wait \$a && wait \$b && wait \$!"
echo "# $ANSWER"
kill -CONT "$AGENT"
F=$(kata_container "$OPEN" open web-0 1 while-down /denied/probe mark /marks/while-down)
agent_kill
may_not_start "without an agent on the host nothing starts in a machine" "$F"
need_agent
wait_for 10 more_registrations 1
G=$(kata_container "$OPEN" open web-0 1 after /denied/probe mark /marks/after)
check "with the agent back claims are answered again" eval 'pods start "$G" && wait_for 10 guest_ran "$OPEN" after'
may_not_run "what was refused meanwhile never ran" "$OPEN" while-down

# ---- a machine ends in the middle of a claim
check "the relay listens for both machines" test "$(listening)" = 2
by_hand "$PAID" "$(id 4)" wait >/dev/null 2>&1 &
claiming=$!
check "a claim waits for its verdict" wait_for 10 asking
machine_kill "$PAID"
check "a machine that ends in the middle of it leaves no claim behind" wait_for 5 quiet
wait "$claiming"
H=$(kata_container "$OPEN" open web-0 1 beside /bin/touch /marks/beside)
check "the other machine goes on" eval 'pods start "$H" && wait_for 10 guest_ran "$OPEN" beside'
check "what was noted of the sandbox is there as long as its folder is" test -e "$W/run/kata/$PAID"
rm -rf "${KATA:?}/sandboxes/$PAID"
check "then it is forgotten" wait_for 5 test ! -e "$W/run/kata/$PAID"
check "and nobody listens for it" eval '[ "$(listening)" = 1 ]'

# ---- a hook that returns 1 and kills nobody: Kata's agent does not care
guest "$OPEN" guest "cp /run/kata-hooks/prestart/fails /run/kata-hooks/prestart/usher-hook" >/dev/null
I=$(kata_container "$OPEN" open web-0 1 missed /bin/sh -c 'touch /marks/missed; exec sleep 100000')
check "a container starts whose hook only fails" eval 'pods start "$I" && wait_for 10 guest_ran "$OPEN" missed'
check "the host is told of a container that no hook asked for" wait_for 10 warned guest-missing "$I"
check "and its sandbox is ended, with missing = \"kill\"" wait_for 10 warned guest-killed "$I"
ended() { ! kill -0 "${KATA_RUNS[0]}"; }
check "which was its virtual machine" wait_for 10 ended
finish
