#!/bin/bash
# tests: both
# timeout: 300
# Promise 4: enforcement goes on while the agent is stopped or killed; a start adopts what is
# enrolled; a container's end is seen.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"

deny_programs no-denied
need_agent
rt=$(runtimes | tail -1)
bundle keep payments keep main tier=gold -- /usr/bin/probe sleep
check "a container runs" run_detached "$rt" keep
denied() { ! exec_in "$rt" keep /denied/probe mark "/marks/$1" && [ ! -e "$W/marks/$1" ]; }
allowed() { exec_in "$rt" keep /usr/bin/probe mark "/marks/$1" && [ -e "$W/marks/$1" ]; }
workloads() { ctl workloads --json; }

check "denied with the agent up" denied up
agent_kill
check "denied with the agent killed" denied killed
check "allowed with the agent killed" allowed killed-allowed

# A container that starts now gets the configured answer: fail closed.
HOOK_TIMEOUT=500 bundle closed payments closed main -- /usr/bin/probe mark /marks/closed
teller=$(basename "$(telling)")
run "$teller" closed
check "a new container does not start while the agent is away" test ! -e "$W/marks/closed"
check "and its user is told why" grep -q "usher-hook:" "$W/out/closed"
delete "$teller" closed
HOOK_EXTRA="--fail open" HOOK_TIMEOUT=500 bundle open payments open main -- /usr/bin/probe mark /marks/open
check "with --fail open it starts" run "$rt" open
delete "$rt" open
HOOK_EXTRA="--exempt-namespace crit*" HOOK_TIMEOUT=500 bundle exempt critical exempt main -- /usr/bin/probe mark /marks/exempt
check "an exempt namespace starts" run "$rt" exempt
delete "$rt" exempt

agent_start || { not_ok "the agent starts again"; finish; }
check "the failed-open start is told" grep -q 'failed.open' "$W/usherd.log"
check "the workload was adopted with its identity" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' workloads --json | grep -q '\"keep\"'"
check "denied after adoption" denied adopted
check "allowed after adoption" allowed adopted-allowed

policy no-denied <<'T'
[policy]
name = "no-denied"
[select]
namespaces = ["payments"]
[[rule]]
name = "others"
on = "exec"
paths = ["/elsewhere/"]
action = "deny"
T
allowed_now() { exec_in "$rt" keep /denied/probe mark /marks/now; }
check "a changed policy reaches the adopted workload" wait_for 10 allowed_now

# The agent comes back inside the hook's deadline, and to a file of its own that somebody spoiled.
agent_stop
deny_programs no-denied
echo nonsense >>"$W/run/rules"
bundle retry payments retry main -- /usr/bin/probe mark /marks/retry
run "$rt" retry &
hook_run=$!
agent_start
wait "$hook_run"
check "a hook waits for an agent that restarts" test -e "$W/marks/retry"
check "names of rules that cannot be read are set aside, and said" \
  sh -c "test -s '$W/run/rules.set-aside' && '$BIN/usherctl' --socket '$W/run/admin.sock' status | grep -q set-aside"
check "and what runs is under its policy" wait_for 10 denied spoiled
check "by its name" sh -c "grep '\"event\":\"verdict\"' '$W/usherd.log' | tail -n 1 | grep -q denied-programs"
delete "$rt" retry

delete "$rt" keep
gone() { [ "$(ctl workloads --json | grep -c '"slot"')" -eq 0 ]; }
check "the workload ends with its last task" wait_for 30 gone
finish
