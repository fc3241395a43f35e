#!/bin/bash
# tests: native
# timeout: 120
# A hook of the other system drives this agent: runc runs it at createRuntime, it names neither a
# runtime nor a pid, and the container is enrolled before its first instruction or does not start.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export USHER_BACKEND=tracepoint
world "$@"
command -v runc >/dev/null || skip_all "runc is not installed"
SOCKET=$W/run/tetragon.sock
UID_OF_POD=0f1e2d3c-0000-4000-8000-000000000001

our_hook() {
  printf '{"path":"%s","args":["tetragon-oci-hook","%s","%s"],"env":["PATH=/usr/bin:/bin"],"timeout":40}' \
    "$BIN/tests/tetragon_hook" "$SOCKET" "$1"
}
# pod_bundle ID NAMESPACE CGROUP-POD-UID MARK: a container as a kubelet places it.
pod_bundle() {
  POD_UID=$UID_OF_POD bundle "$1" "$2" api main -- /denied/probe mark "/marks/$4"
  sed -i "s|\"cgroupsPath\":\"[^\"]*\"|\"cgroupsPath\":\"/usher-test-$$/kubepods/burstable/pod$3/$1\"|" \
    "$W/bundles/$1/config.json"
}

policy no-denied <<'T'
[policy]
name = "no-denied"
[select]
namespaces = ["payments"]
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/"]
action = "kill"
T
agent_start || { not_ok "the agent starts"; finish; }
[ ! -e "$SOCKET" ] && ok "the socket is not there unless it is asked for" || not_ok "the socket is there by default"
agent_stop

cat >>"$W/usher.toml" <<T
[compat.tetragon]
socket = "$SOCKET"
runtime = "podman"
T
agent_start || { not_ok "the agent starts with the socket"; finish; }
[ "$(stat -c %a "$SOCKET")" = 600 ] && ok "the socket is root's alone" || not_ok "the socket's mode is wrong"

pod_bundle denied payments "$UID_OF_POD" denied
run runc denied
[ ! -e "$W/marks/denied" ] && ok "a denied entrypoint leaves no mark" || not_ok "a denied entrypoint ran"
check "its event names policy, rule and workload" \
  wait_for 5 grep -q '"event":"verdict".*"namespace":"payments".*"rule":"denied-programs"' "$W/usherd.log"
pod_bundle allowed shop "$UID_OF_POD" allowed
run runc allowed
[ -e "$W/marks/allowed" ] && ok "the same program in another namespace runs" ||
  { not_ok "an allowed entrypoint did not run"; head -c 300 "$W/out/allowed"; }

pod_bundle forged shop 0f1e2d3c-0000-4000-8000-000000000002 forged
run runc forged && not_ok "a pod uid that the cgroup denies was believed" ||
  check "a pod uid that the cgroup denies is refused" grep -q 'pod uid' "$W/out/forged"
[ ! -e "$W/marks/forged" ] && ok "and it never ran" || not_ok "a refused container ran"

agent_stop
sed -i '/^runtime = "podman"$/d' "$W/usher.toml"
agent_start || { not_ok "the agent starts without a runtime"; finish; }
pod_bundle unknown shop "$UID_OF_POD" unknown
run runc unknown && not_ok "a container that no adapter knows started" ||
  check "a container that no adapter knows is refused with the reason" \
    grep -q 'no adapter knows a pod' "$W/out/unknown"
agent_stop
run runc unknown && not_ok "a container started without an agent" || ok "without an agent nothing starts"
finish
