#!/bin/bash
# tests: native
# timeout: 420
# A hook of the other system drives this agent: runc and crun run it at createRuntime, it names
# neither a runtime nor a pid, and the container is enrolled before its first instruction or does not
# start. Who it is comes from a runtime that is named, or from what an adapter announced.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export USHER_BACKEND=tracepoint
world "$@"
[ -n "$(runtimes)" ] || skip_all "neither runc nor crun is installed"
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

# What a refused start says: in the runtime's words where it repeats its hook's (telling), and always
# in the agent's log.
says() { # says RUNTIME ID TEXT
  { [ "$1" != runc ] || grep -q "$3" "$W/out/$2"; } &&
    grep -q "/$2.*refused: .*$3.*\"event\":\"refused\"" "$W/usherd.log"
}
for rt in $(runtimes); do
  pod_bundle "denied$rt" payments "$UID_OF_POD" "denied$rt"
  run "$rt" "denied$rt"
  [ ! -e "$W/marks/denied$rt" ] && ok "$rt: a denied entrypoint leaves no mark" ||
    not_ok "$rt: a denied entrypoint ran"
  check "$rt: its event names policy, rule and workload" wait_for 5 grep -q \
    "\"event\":\"verdict\".*\"namespace\":\"payments\".*\"container_id\":\"denied$rt\".*\"rule\":\"denied-programs\"" \
    "$W/usherd.log"
  pod_bundle "allowed$rt" shop "$UID_OF_POD" "allowed$rt"
  run "$rt" "allowed$rt"
  [ -e "$W/marks/allowed$rt" ] && ok "$rt: the same program in another namespace runs" ||
    { not_ok "$rt: an allowed entrypoint did not run"; head -c 300 "$W/out/allowed$rt"; }

  pod_bundle "forged$rt" shop 0f1e2d3c-0000-4000-8000-000000000002 "forged$rt"
  run "$rt" "forged$rt" && not_ok "$rt: a pod uid that the cgroup denies was believed" ||
    check "$rt: a pod uid that the cgroup denies is refused" says "$rt" "forged$rt" 'pod uid'
  [ ! -e "$W/marks/forged$rt" ] && ok "$rt: and it never ran" || not_ok "$rt: a refused container ran"
done

agent_stop
sed -i '/^runtime = "podman"$/d' "$W/usher.toml"
agent_start || { not_ok "the agent starts without a runtime"; finish; }
for rt in $(runtimes); do
  pod_bundle "unknown$rt" shop "$UID_OF_POD" "unknown$rt"
  run "$rt" "unknown$rt" && not_ok "$rt: a container that no adapter knows started" ||
    check "$rt: a container that no adapter knows is refused with the reason" \
      says "$rt" "unknown$rt" 'no adapter knows a pod'
done
agent_stop
for rt in $(runtimes); do
  run "$rt" "unknown$rt" && not_ok "$rt: a container started without an agent" ||
    ok "$rt: without an agent nothing starts"
done

# ---- no runtime is named: an adapter announced the pod's sandbox, and the join is with that record.
# What the policy selects by, the label, is in that record alone.
sed -i "s|^select = .*|select = [\"cri-o\", \"$BUILD/test-adapters/pods.so\"]|" "$W/usher.toml"
cat >>"$W/usher.toml" <<T
[adapters.pods]
sandbox = "sandbox-1"
namespace = "fed"
pod = "api"
uid = "$UID_OF_POD"
app = "api"
T
policy no-denied <<'T'
[policy]
name = "no-denied"
[select]
namespaces = ["fed"]
pod_labels = { app = "api" }
[[rule]]
name = "denied-by-label"
on = "exec"
paths = ["/denied/"]
action = "kill"
T
agent_start || { not_ok "the agent starts with an adapter that announces sandboxes"; finish; }
check "the adapter's list is complete" wait_for 5 grep -q 'list is complete: 1 sandboxes' "$W/usherd.log"
fed() { # fed ID SANDBOX PROGRAM
  pod_bundle "$1" fed "$UID_OF_POD" "$1"
  sed -i "s|\"annotations\":{|&\"io.kubernetes.cri-o.SandboxID\":\"$2\",|; s|/denied/probe|$3|" \
    "$W/bundles/$1/config.json"
}
for rt in $(runtimes); do
  fed "fedno$rt" sandbox-1 /denied/probe
  run "$rt" "fedno$rt"
  [ ! -e "$W/marks/fedno$rt" ] && ok "$rt: the label of the feed's record selects the policy" ||
    not_ok "$rt: a denied entrypoint ran"
  check "$rt: and its rule made the verdict" wait_for 5 grep -q \
    "\"event\":\"verdict\".*\"container_id\":\"fedno$rt\".*\"rule\":\"denied-by-label\"" "$W/usherd.log"
  fed "fedyes$rt" sandbox-1 /usr/bin/probe
  run "$rt" "fedyes$rt"
  [ -e "$W/marks/fedyes$rt" ] && ok "$rt: what it allows runs" ||
    { not_ok "$rt: an allowed entrypoint did not run"; head -c 300 "$W/out/fedyes$rt"; }
  fed "fedother$rt" sandbox-2 /usr/bin/probe
  run "$rt" "fedother$rt" && not_ok "$rt: a sandbox that nobody announced was believed" ||
    check "$rt: a sandbox that nobody announced is refused" says "$rt" "fedother$rt" 'has no record'
  [ ! -e "$W/marks/fedother$rt" ] && ok "$rt: and it never ran" || not_ok "$rt: a refused container ran"
done

# A runtime that is named must not contradict the record.
agent_stop
sed -i "s|^socket = \"$SOCKET\"|&\nruntime = \"podman\"|" "$W/usher.toml"
agent_start || { not_ok "the agent starts with a runtime again"; finish; }
check "the list is complete again" wait_for 5 sh -c "[ \$(grep -c 'list is complete: 1 ' '$W/usherd.log') = 2 ]"
for rt in $(runtimes); do
  fed "fedclash$rt" sandbox-1 /usr/bin/probe
  run "$rt" "fedclash$rt" && not_ok "$rt: the configuration's runtime outdid the record" ||
    check "$rt: a named runtime that the record contradicts is refused" \
      says "$rt" "fedclash$rt" 'an adapter knows its pod as one of runtime'
done
finish
