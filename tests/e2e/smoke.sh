#!/bin/bash
# tests: native
# timeout: 60
# The thinnest real path: usherd, usher-hook, runc, cri-o.so, the kernel. An entrypoint that a
# policy denies never runs, the same one in another namespace does; the event names the rule; what
# is enrolled outlives the agent and is taken over by the next one.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export USHER_BACKEND=tracepoint
world "$@"
command -v runc >/dev/null || skip_all "runc is not installed"

deny_programs no-shells '' kill
need_agent
ok "the agent starts with backend $BACKEND"

bundle denied payments api main -- /denied/probe mark /marks/denied
run runc denied
[ ! -e "$W/marks/denied" ] && ok "a denied entrypoint leaves no mark" ||
  not_ok "a denied entrypoint ran"
check "its event names policy, rule and workload" \
  wait_for 5 grep -q '"event":"verdict".*"namespace":"payments".*"rule":"denied-programs"' "$W/usherd.log"

bundle allowed shop api main -- /denied/probe mark /marks/allowed
run runc allowed
[ -e "$W/marks/allowed" ] && ok "the same program in another namespace runs" ||
  { not_ok "an allowed entrypoint did not run"; head -c 300 "$W/out/allowed"; }

check "ended workloads are forgotten" wait_for 20 \
  sh -c "[ -z \"\$(ls '$W/run/workloads')\" ]"

bundle long payments api main -- /bin/sleep 1000
check "a long-running container starts" run_detached runc long
check "it is listed with its policy" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' workloads | grep payments"
check "explain says kill" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' explain payments/api exec /denied/probe | grep -i kill"

agent_kill
exec_in runc long /denied/probe mark /marks/while-killed
[ ! -e "$W/marks/while-killed" ] && ok "enforcement goes on while the agent is killed" ||
  not_ok "a denied program ran while no agent did"
HOOK_TIMEOUT=300 bundle orphan shop api main -- /denied/probe mark /marks/orphan
run runc orphan && not_ok "a container started without an agent" ||
  ok "a new container is refused while no agent runs"

agent_start || { not_ok "the agent starts again"; finish; }
check "the container is taken over" grep -q '"message":"adopted 1, dropped 0' "$W/usherd.log"
sed -i 's/"payments"/"nobody"/' "$W/policy.d/no-shells.toml"
check "a changed policy is loaded" wait_for 5 grep -q '(files changed): 1 in force, 1 workloads switched' "$W/usherd.log"
exec_in runc long /denied/probe mark /marks/after-reload
[ -e "$W/marks/after-reload" ] && ok "the running container follows the new policy" ||
  not_ok "the running container did not follow the new policy"
echo 'broken' >"$W/policy.d/no-shells.toml"
check "a broken file keeps its last good version" wait_for 5 sh -c \
  "'$BIN/usherctl' --socket '$W/run/admin.sock' policies list | grep last-good"
delete runc long
begin=$(date +%s%N)
agent_stop
took=$((($(date +%s%N) - begin) / 1000000))
[ "$took" -lt 2000 ] && ok "SIGTERM ends the agent in $took ms" || not_ok "SIGTERM took $took ms"
finish
