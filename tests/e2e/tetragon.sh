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

our_hook() { # HOOK_OPTIONS: of the hook
  local extra options=
  for extra in ${HOOK_OPTIONS:-}; do options+=",\"$extra\""; done
  printf '{"path":"%s","args":["tetragon-oci-hook","%s","%s"%s],"env":["PATH=/usr/bin:/bin"],"timeout":40}' \
    "$BIN/tests/tetragon_hook" "$SOCKET" "$1" "$options"
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
# An author's annotations reach the hook: its claims, and its check whether a failure stops the start.
forged_names() {
  local steer=',"io.kubernetes.cri.sandbox-namespace":"kube-system","io.kubernetes.cri.sandbox-name":"x"'
  ANNOTATIONS=$steer',"io.kubernetes.cri.sandbox-uid":"u","io.kubernetes.cri.container-name":"y"' \
    pod_bundle forged payments "$UID_OF_POD" forged
  run runc forged
  [ ! -e "$W/marks/forged" ] && ok "a forged namespace takes nobody out of a policy" ||
    not_ok "a forged namespace let a denied entrypoint run: $(head -c 300 "$W/out/forged")"
  check "it is enrolled as who it is" \
    grep -q '"event":"enrolled".*"namespace":"payments".*"container_id":"forged"' "$W/usherd.log"
  check "and what the hook was made to say is told" \
    grep -q 'says otherwise: namespace \\"kube-system\\"' "$W/usherd.log"
  # Whatever is refused starts where the check believes a key of the author's, and does not where it
  # looks at the runtime's own alone (docs/tetragon.md).
  ANNOTATIONS=$steer pod_bundle steered payments 0f1e2d3c-0000-4000-8000-000000000002 steered
  run runc steered
  [ -e "$W/marks/steered" ] && ok "the hook's own default lets its author steer a refusal" ||
    not_ok "the stand-in's check is not the real one's: $(head -c 300 "$W/out/steered")"
  ANNOTATIONS=$steer HOOK_OPTIONS=--annotations-namespace-key=io.kubernetes.pod.namespace \
    pod_bundle narrowed payments 0f1e2d3c-0000-4000-8000-000000000002 narrowed
  run runc narrowed
  [ ! -e "$W/marks/narrowed" ] && grep -q 'pod uid' "$W/out/narrowed" &&
    ok "with the documented option a refusal stops the start" ||
    not_ok "a refused container started: $(head -c 300 "$W/out/narrowed")"
}
forged_names

# The root decides what /bin is: older hooks send the bundle instead.
merged_root() {
  local root=$W/merged how
  mkdir -p "$root"/{usr/bin,proc,dev,sys,tmp,marks,etc}
  ln -s usr/bin "$root/bin"
  cp "$BIN/tests/probe" "$root/usr/bin/probe2"
  policy no-probe2 <<'T'
[policy]
name = "no-probe2"
[select]
namespaces = ["merged"]
[[rule]]
name = "not-in-bin"
on = "exec"
paths = ["/bin/probe2"]
action = "kill"
T
  wait_for 10 grep -q '2 in force' "$W/usherd.log"
  for how in newer older; do
    HOOK_OPTIONS=$([ $how = older ] && echo --older) BUNDLE_ROOT=$root \
      pod_bundle "m$how" merged "$UID_OF_POD" "m$how"
    sed -i 's|"/denied/probe"|"/usr/bin/probe2"|' "$W/bundles/m$how/config.json"
    run runc "m$how"
    [ ! -e "$W/marks/m$how" ] && wait_for 5 grep -q "\"container_id\":\"m$how\".*\"rule\":\"not-in-bin\"" "$W/usherd.log" &&
      ok "a rule on /bin holds on a merged /usr under a hook of the $how kind" ||
      not_ok "a rule on /bin did not hold on a merged /usr ($how): $(head -c 300 "$W/out/m$how")"
  done
}
merged_root

unserved_runtime() {
  agent_stop
  sed -i 's/^runtime = "podman"$/runtime = "pod-man"/' "$W/usher.toml"
  agent_start || { not_ok "the agent starts with a runtime that nobody serves"; finish; }
  check "a runtime that no adapter serves is a warning" sh -c \
    "'$BIN/usherctl' --socket '$W/run/admin.sock' status | grep 'pod-man'"
  pod_bundle typo shop "$UID_OF_POD" typo
  run runc typo
  check "and its refusals say where it is named" grep -q 'compat.tetragon' "$W/out/typo"
  sed -i 's/^runtime = "pod-man"$/runtime = "podman"/' "$W/usher.toml"
}
unserved_runtime

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
