#!/bin/bash
# tests: native
# timeout: 60
# The agent as it runs in a guest, with real containers of runc behind the real hook: it asks the
# relay who a container is and enforces the policies that came from there. guest_relay stands for
# the relay and the host; no virtual machine is here.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export USHER_BACKEND=tracepoint HOOK_RUNTIME=kata HOOK_TIMEOUT=1500
world "$@"
command -v runc >/dev/null || skip_all "runc is not installed"
[ -x "$BIN/tests/guest_relay" ] || skip_all "guest_relay is not built"

H=$W/host
mkdir -p "$H/policies" "$H/containers"
write_guest_config() { # write_guest_config PINS BACKEND
  cat >"$W/usher.toml" <<T
[agent]
run_dir = "$W/run"
[enforcement]
backend = "$2"
pins = "$1"
[log]
format = "json"
T
}
write_guest_config "$W/bpf/usher" tracepoint
AGENT_ARGS="--guest --relay unix:$W/relay.sock"

relay_start() {
  "$BIN/tests/guest_relay" "$W/relay.sock" "$H" >>"$W/relay.log" 2>&1 </dev/null &
  RELAY=$!
  wait_for 10 test -S "$W/relay.sock"
}
relay_stop() {
  [ -z "${RELAY:-}" ] || { kill -9 "$RELAY" && wait "$RELAY"; } 2>/dev/null
  RELAY=
  rm -f "$W/relay.sock"
}
trap 'relay_stop; world_end' EXIT
heard() { wait_for 10 grep -q -- "$1" "$W/relay.log"; }
known() { echo "$2 $3 main" >"$H/containers/$1"; } # known ID NAMESPACE POD
send() { # send GENERATION: the policies, as they are now
  kill -HUP "$RELAY"
  heard "^applied $1"
}
host_policy() { # host_policy NAMESPACE [DEGRADE]
  cat >"$H/policies/no-shells.toml" <<T
[policy]
name = "no-shells"
degrade = ${2:-false}
[select]
namespaces = ["$1"]
runtimes = ["containerd"]
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/"]
action = "kill"
T
}
start() { # start ID NAMESPACE: an entrypoint below /denied/
  bundle "$1" - - - -- /denied/probe mark "/marks/$1"
  [ "$2" = - ] || known "$1" "$2" api
  run runc "$1"
}
ran() { [ -e "$W/marks/$1" ]; }
may_not() { # may_not TEXT ID
  if ran "$2"; then not_ok "$1"; else ok "$1"; fi
}
exec_denied() { # exec_denied TEXT MARK
  exec_in runc long /denied/probe mark "/marks/$2"
  may_not "$1" "$2"
}

check "no configuration is needed but the relay's address" \
  "$BIN/usherd" --guest --relay vsock:4051 --check-config
if "$BIN/usherd" --guest --relay tcp:1 --check-config >/dev/null 2>&1; then
  not_ok "an address that is none is refused"
else
  ok "an address that is none is refused"
fi
host_policy payments
relay_start
need_agent
ok "the agent starts in a guest with backend $BACKEND"
check "the session is open before a container is there" heard '^applied 1'
check "it says what this kernel can do" grep -q '^hello tracepoint enforces 13 new' "$W/relay.log"

start denied payments
may_not "a denied entrypoint does not run" denied
check "the host is told of the verdict" heard '^told verdict denied kill no-shells/denied-programs'
check "and that the container was enrolled" heard '^told enrolled denied'
check "and that it ended" heard '^report denied 2'
start allowed shop
check "the same program in another namespace runs" ran allowed
check "the host is told that it runs" heard '^report allowed 1'
start unknown -
may_not "a container that the host does not know is refused" unknown
check "with the host's reason" grep -q 'no such container in this sandbox' "$W/out/unknown"
rm -f "$W/marks/allowed"
start allowed shop
may_not "one that was claimed before is refused" allowed

known long payments api
bundle long - - - -- /bin/sleep 1000
check "a long-running container starts" run_detached runc long
check "it is listed as the host knows it" sh -c \
  "'$BIN/usherctl' --socket '$W/run/admin.sock' workloads | grep payments"
exec_denied "the rule holds for what is exec'ed" exec1
host_policy nobody
check "changed policies are put in force" send 2
exec_in runc long /denied/probe mark /marks/exec2
check "and reach the running container" ran exec2
host_policy payments
send 3
echo broken >"$H/policies/no-shells.toml"
check "a policy with an error is told" send '4 problem: host:no-shells.toml'
exec_denied "and its last good version stays" exec4
start late4 shop
may_not "a container that would lack a policy of its host's is refused" late4

host_policy payments
send 5
relay_stop
exec_denied "the rule holds without a relay" exec5
start orphan shop
may_not "without a relay a container is refused" orphan
check "with what to do" grep -q 'see that usherd runs on the host' "$W/out/orphan"
check "the agent's status says so" sh -c \
  "'$BIN/usherctl' --socket '$W/run/admin.sock' status | grep 'no session with the host'"
relay_start
check "the session is taken up again" heard '^hello tracepoint enforces 13 resumed'
start again shop
check "and claims are answered" ran again

agent_kill
exec_denied "the rule holds without the agent" exec6
relay_stop
need_agent
check "the next agent takes the container over" grep -q '"message":"adopted 1,' "$W/usherd.log"
exec_denied "and keeps the policies that came last, without a relay" exec7
check "which are the last good ones" sh -c \
  "'$BIN/usherctl' --socket '$W/run/admin.sock' policies list | grep no-shells | grep last-good"
relay_start
start third shop
check "a relay that comes back finds it" ran third
delete runc long
agent_stop

# A kernel that can do nothing: what is pinned has no bpffs.
write_guest_config "$W/nowhere" auto
need_agent
check "a guest that can enforce nothing says so, and why" heard '^hello none enforces 0 resumed trouble: nothing is enforced here .*nowhere'
check "and its status says so" sh -c \
  "'$BIN/usherctl' --socket '$W/run/admin.sock' status | grep 'nothing is enforced here'"
start weak1 shop
may_not "its containers are refused while a policy cannot be carried out" weak1
host_policy payments true
check "one that may be degraded is taken" send '2$'
POST_START=$(our_hook poststart) start weak2 payments
check "then its containers start, by the host's word" ran weak2
check "and the host is told that they run, by the hook's" heard '^report weak2 1'
start weak3 -
may_not "or do not" weak3
agent_stop
write_guest_config "$W/bpf/usher" tracepoint
finish
