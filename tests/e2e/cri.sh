#!/bin/bash
# tests: native
# timeout: 300
# The runtime's own record, from a real CRI server (containerd serves the interface that CRI-O
# serves): pods that run before the agent are adopted and tagged; a container's identity is joined
# by sandbox id; what a pod's author can write changes nothing; losing the runtime drops nothing.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export USHER_BACKEND=tracepoint
world "$@"
command -v runc >/dev/null || skip_all "runc is not installed"
# shellcheck source=../lab/containerd/lib.sh
. "$ROOT/tests/lab/containerd/lib.sh"
trap 'containerd_end; world_end' EXIT
mkdir -p "$CG"
containerd_start "${CONTAINERD:-2.1}"
ok "containerd $(cat "$CTD_TREE/unpacked") serves CRI"

cat >>"$W/usher.toml" <<T
[adapters.cri-o]
cri.socket = "$CRI"
cri.deadline_ms = 5000 # a machine that builds something else meanwhile is slow
[hook]
deadline = "8s"
[compat.tetragon]
socket = "$W/run/tetragon.sock"
runtime = "cri-o"
T
policy by-label <<'T'
[policy]
name = "by-label"
[select]
namespaces = ["payments"]
pod_labels = { app = "api" }
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/"]
action = "kill"
T

uid() { printf '%08x-1111-4222-8333-444444444444' "$1"; }
workloads() { ctl workloads --json; }

# ---- before the agent: a pod of the policy, one beside it
read -r S1 C1 < <(pod payments api "$(uid 1)" --label app=api --label tier=gold --container main --handler other \
  --command /bin/sleep --command 1000)
read -r S2 C2 < <(pod payments web "$(uid 2)" --label app=web --container main --command /bin/sleep --command 1000)
[ -n "${C1:-}" ] && [ -n "${C2:-}" ] || { not_ok "pods can be made"; tail -n 3 "$CTD/log" | cut -c1-300; finish; }
pods list >"$W/listed"
check "our client lists a pod's labels, handler and pid" \
  grep -q "^sandbox $S1 payments/api uid=$(uid 1) handler=other app=api tier=gold$" "$W/listed"
check "our client finds the container's pid" grep -qE "^container $C1 in $S1 name=main .* pid=[1-9]" "$W/listed"

need_agent
check "both running containers are adopted" wait_for 10 sh -c "grep -c '\"event\":\"enrolled\"' '$W/usherd.log' | grep -qx 2"
check "the list is complete" wait_for 5 grep -q "list is complete: 2 sandboxes" "$W/usherd.log"
workloads >"$W/w1"
check "with pod and handler of the runtime's record" \
  jq -e --arg id "$C1" '.. | objects | select(any(.[]?; . == $id)) |
    any(.[]; . == "api") and any(.[]; . == "other")' "$W/w1"
check "and the source is shown" grep -q "the runtime's own record" "$W/w1"
ctr -n k8s.io task exec --exec-id x1 "$C1" /denied/probe mark /tmp/m >"$W/out/x1" 2>&1 </dev/null
check "the policy that selects by label holds for the adopted container" \
  wait_for 5 grep -q '"event":"verdict".*"rule":"denied-programs"' "$W/usherd.log"
ctr -n k8s.io task exec --exec-id x2 "$C2" /usr/bin/probe mark /tmp/m >"$W/out/x2" 2>&1 </dev/null
check "and not for the pod beside it" \
  sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' explain payments/web exec /denied/probe | grep -i allow"

# ---- the hook's path: CRI-O's keys, joined with the record of the sandbox that they name
crio() { # crio NAME SANDBOX NAMESPACE POD UID [more annotations]: a bundle as CRI-O writes it
  HOOK_RUNTIME=cri-o bundle "$1" "$3" "$4" main -- /denied/probe mark "/marks/$1"
  jq --arg id "$1" --arg sandbox "$2" --arg uid "$5" --argjson more "${6:-{\}}" \
    '.annotations += {"io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.cri-o.ContainerID": $id,
      "io.kubernetes.cri-o.SandboxID": $sandbox, "io.kubernetes.pod.uid": $uid} + $more' \
    "$W/bundles/$1/config.json" >"$W/config.new" && mv "$W/config.new" "$W/bundles/$1/config.json"
}
# That no mark is there says nothing where the start failed for another reason.
killed_by_policy() { # ID: it was enrolled, and then denied-programs met its entrypoint
  wait_for 5 grep -q "\"event\":\"enrolled\".*\"container_id\":\"$1\"" "$W/usherd.log" &&
    wait_for 5 sh -c "grep '\"event\":\"verdict\"' '$W/usherd.log' | grep '\"container_id\":\"$1\"' |
      grep -q '\"rule\":\"denied-programs\"'"
}
crio joined "$S1" payments api "$(uid 1)"
run runc joined
[ ! -e "$W/marks/joined" ] && killed_by_policy joined && ok "labels reach a container of the hook: its denied entrypoint never ran" ||
  not_ok "a container whose pod's labels a policy selects was not under it: $(head -c 300 "$W/out/joined")"
crio beside "$S2" payments web "$(uid 2)"
run runc beside
check "a pod with other labels is not under that policy" test -e "$W/marks/beside"

# A static pod's uid is the hash of its file, and no API server knows it.
hash_uid=0123456789abcdef0123456789abcdef
read -r S3 _ < <(pod payments static-node1 $hash_uid --label app=api)
crio static "$S3" payments static-node1 $hash_uid '{"kubernetes.io/config.source": "file"}'
sed -i "s|\"cgroupsPath\": *\"[^\"]*\"|\"cgroupsPath\": \"/usher-test-$$/kubepods/burstable/pod$hash_uid/static\"|" "$W/bundles/static/config.json"
run runc static
[ ! -e "$W/marks/static" ] && killed_by_policy static && ok "a static pod is known by its record and under the policy" ||
  not_ok "a static pod was not under its policy: $(head -c 300 "$W/out/static")"

crio liar "$S2" payments api "$(uid 1)"
run runc liar
[ ! -e "$W/marks/liar" ] && grep -q "neither is believed" "$W/out/liar" &&
  ok "keys that disagree with the sandbox's record are refused" ||
  not_ok "keys that disagree with the record: $(head -c 300 "$W/out/liar")"
crio lost 0123456789abcdef payments api "$(uid 1)"
run runc lost
[ ! -e "$W/marks/lost" ] && grep -q "does not know" "$W/out/lost" &&
  ok "a sandbox that the runtime does not know is refused" ||
  not_ok "an unknown sandbox: $(head -c 300 "$W/out/lost")"

# ---- what an author can write: every forgeable key, as annotation and as label, says otherwise
forged=(io.kubernetes.cri.sandbox-namespace io.kubernetes.cri.sandbox-name io.kubernetes.cri.sandbox-id
  io.kubernetes.cri.container-name io.kubernetes.cri.container-type io.kubernetes.cri-o.Namespace
  io.kubernetes.cri-o.KubeName io.kubernetes.cri-o.RuntimeHandler io.kubernetes.cri-o.HostNetwork
  io.kubernetes.cri-o.CgroupParent io.kubernetes.cri-o.Labels io.kubernetes.cri-o.Annotations)
words=()
more='{}'
for key in "${forged[@]}"; do
  words+=(--annotation "$key=kube-system" --label "$key=kube-system")
  more=$(jq -c --arg k "$key" '. + {($k): "kube-system"}' <<<"$more")
done
for key in namespace name uid; do words+=(--annotation "io.kubernetes.pod.$key=kube-system" --label "io.kubernetes.pod.$key=kube-system"); done
read -r S3 _ < <(pod payments forger "$(uid 3)" --label app=api "${words[@]}")
crio forger "$S3" payments forger "$(uid 3)" "$more"
run runc forger
[ ! -e "$W/marks/forger" ] && killed_by_policy forger && ok "forged keys take nobody out of a policy" ||
  not_ok "a container with forged keys was not under its policy: $(head -c 300 "$W/out/forger")"
check "and change no namespace, name, uid or handler" \
  sh -c "grep '\"event\":\"enrolled\"' '$W/usherd.log' | grep forger | grep payments | grep -qv '\"namespace\":\"kube-system\"'"

# ---- hostile sizes
read -r S4 _ < <(pod payments huge "$(uid 4)" --label app=api --label-bytes 500000)
crio huge "$S4" payments huge "$(uid 4)"
run runc huge
[ ! -e "$W/marks/huge" ] && grep -q labels "$W/out/huge" &&
  ok "a pod with 500 kB of labels is refused for them" ||
  not_ok "a pod with 500 kB of labels: $(head -c 300 "$W/out/huge")"
pods list >"$W/listed"
check "and is an error that names it, beside the others" \
  sh -c "grep -q '^problem.*$S4.*not known' '$W/listed' && grep -q '^sandbox $S1' '$W/listed'"

# ---- the runtime hangs: nothing is guessed, it is said, and what was missed is made up for
sleeping() { # ID SANDBOX NAMESPACE POD UID: as crio, and runs on
  crio "$@"
  jq '.process.args = ["/usr/bin/probe", "sleep"]' "$W/bundles/$1/config.json" >"$W/config.new" &&
    mv "$W/config.new" "$W/bundles/$1/config.json"
}
noticed() { # ID: its hook is the one of the other system, its cgroup a kubelet's
  jq --arg hook "$BIN/tests/tetragon_hook" --arg socket "$W/run/tetragon.sock" \
    --arg cgroup "/usher-test-$$/kubepods/pod$2/$1" \
    '.linux.cgroupsPath = $cgroup | .hooks = {"createRuntime": [{"path": $hook,
      "args": ["hook", $socket, "createRuntime"], "timeout": 40}]}' \
    "$W/bundles/$1/config.json" >"$W/config.new" && mv "$W/config.new" "$W/bundles/$1/config.json"
}
hung_runtime() {
  local late handled
  read -r late _ < <(pod shop late "$(uid 5)" --label app=late)
  read -r handled _ < <(pod handled h "$(uid 6)" --handler other)
  policy by-handler <<'T'
[policy]
name = "by-handler"
[select]
namespaces = ["handled"]
runtime_handlers = ["other"]
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/"]
action = "kill"
T
  wait_for 10 grep -q '2 in force' "$W/usherd.log"
  crio handler "$handled" handled h "$(uid 6)"
  run runc handler
  [ ! -e "$W/marks/handler" ] && killed_by_policy handler &&
    ok "a policy that selects by handler holds where the runtime tells it" ||
    not_ok "a policy that selects by handler: $(head -c 300 "$W/out/handler")"

  kill -STOP "$CTD_PID"
  sleeping hung "$late" shop late "$(uid 5)"
  run_detached runc hung
  check "a container whose policies are certain starts while the runtime hangs" \
    grep -q '"event":"enrolled".*"container_id":"hung"' "$W/usherd.log"
  check "and the adapter is degraded" \
    wait_for 10 sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' adapters | grep -q degraded"
  crio nohandler "$handled" handled h "$(uid 6)"
  run runc nohandler
  [ ! -e "$W/marks/nohandler" ] && grep -q "depends on the pod's runtime handler" "$W/out/nohandler" &&
    ok "a policy that needs the handler refuses while it cannot be had" ||
    not_ok "a container ran without its handler: $(head -c 300 "$W/out/nohandler")"
  crio norecord "$late" shop late "$(uid 5)"
  noticed norecord "$(uid 5)"
  run runc norecord
  [ ! -e "$W/marks/norecord" ] && grep -q 'did not give its own record' "$W/out/norecord" &&
    ok "a hook of the other system is refused without the runtime's record" ||
    not_ok "a container of the other system's hook: $(head -c 300 "$W/out/norecord")"
  kill -CONT "$CTD_PID"

  check "an answer makes the adapter healthy again" \
    wait_for 10 sh -c "tail -n 20 '$W/usherd.log' | grep -q '\"healthy: joined'"
  check "and what was missed of the container is known" \
    wait_for 10 grep -q '"event":"identified".*"container_id":"hung"' "$W/usherd.log"
  deny_programs late 'pod_labels = { app = "late" }' kill
  wait_for 10 grep -q '3 in force' "$W/usherd.log"
  exec_in runc hung /denied/probe mark /marks/hung
  [ ! -e "$W/marks/hung" ] && ok "so that a policy that selects its labels holds" ||
    not_ok "a policy by labels that were missed does not hold"
  delete runc hung
  crio record "$late" shop late "$(uid 5)"
  noticed record "$(uid 5)"
  run runc record
  [ ! -e "$W/marks/record" ] && killed_by_policy record &&
    ok "a hook of the other system is joined with the runtime's record" ||
    not_ok "a container of the other system's hook: $(head -c 300 "$W/out/record")"
  rm "$W/policy.d/late.toml" "$W/policy.d/by-handler.toml"
}
LISTS_BEFORE=$(grep -c 'list is complete' "$W/usherd.log")
hung_runtime
LISTS=$(grep -c 'list is complete' "$W/usherd.log")
[ "$LISTS" -gt "$LISTS_BEFORE" ] && ok "it was listed again" || not_ok "it was not listed again"

# ---- the runtime goes and comes back
read -r S7 _ < <(pod payments fresh "$(uid 7)" --label app=api)
enrolled=$(workloads | grep -c "$C1")
containerd_stop
check "the adapter is unhealthy without its runtime" wait_for 5 grep -q '"unhealthy: ' "$W/usherd.log"
[ "$(workloads | grep -c "$C1")" = "$enrolled" ] && ok "and nothing is dropped" || not_ok "a workload was dropped"
crio away "$S1" payments api "$(uid 1)"
run runc away
[ ! -e "$W/marks/away" ] && killed_by_policy away &&
  ok "labels of the last list hold though the runtime is away" ||
  not_ok "a container of a listed pod, its runtime away: $(head -c 300 "$W/out/away")"
crio unlisted "$S7" payments fresh "$(uid 7)"
run runc unlisted
[ ! -e "$W/marks/unlisted" ] && grep -q "depends on the pod's labels" "$W/out/unlisted" &&
  ok "a policy that needs labels refuses while they cannot be had" ||
  not_ok "a container ran without its labels: $(head -c 300 "$W/out/unlisted")"
containerd_start "$CTD_VERSION"
check "the adapter is healthy again and has listed" wait_for 10 sh -c \
  "grep -c 'list is complete' '$W/usherd.log' | grep -qx $((LISTS + 1))"
check "and no container was adopted twice" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' workloads --json | grep -o '$C1' | sort | uniq -c | grep -qE '^ *[12] '"

# ---- the agent goes and comes back, once with its records and once without
agent_kill
agent_start || { not_ok "the agent starts again"; finish; }
check "a new agent takes over" grep -q '"message":"adopted [2-9], ' "$W/usherd.log"
check "and lists again" wait_for 10 sh -c "grep -c 'list is complete' '$W/usherd.log' | grep -qx $((LISTS + 2))"
agent_kill
rm -f "$W"/run/workloads/*
agent_start || { not_ok "the agent starts without records"; finish; }
check "workloads whose records were lost are known again by the runtime's record" \
  wait_for 10 grep -q '"event":"identified".*"pod":"api"' "$W/usherd.log"
check "and are under their pod's policy still" \
  sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' explain payments/api exec /denied/probe | grep -i kill"
[ "$(grep -c "\"event\":\"enrolled\".*$C1" "$W/usherd.log")" = 1 ] && ok "nothing was enrolled twice" ||
  not_ok "a container was enrolled again"

# ---- the end of a pod is the kernel's to tell
pods remove "$S1" >/dev/null 2>&1
check "a removed pod's workload ends" wait_for 30 sh -c "! '$BIN/usherctl' --socket '$W/run/admin.sock' workloads --json | grep -q '$C1'"

begin=$(date +%s%N)
agent_stop
took=$((($(date +%s%N) - begin) / 1000000))
[ "$took" -lt 2000 ] && ok "the agent stops in $took ms with a live connection" || not_ok "SIGTERM took $took ms"
finish
