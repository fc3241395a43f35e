# shellcheck shell=bash
# What the tests of containerd's adapter share; sourced after lib.sh, inside world().
#
#   containerd_world VERSION     containerd with NRI, policies by label; the agent does not run yet
#   mode closed|nri|inject       the agent starts anew in that mode; waits until NRI is registered
#   pod …                        lab/containerd/lib.sh; labels app=api are under the policy
#   in_pod SANDBOX POD UID …     one container more, not started; prints its id
#   ran MARK                     did a container write that mark?
#   CTD_BACKEND=, CTD_ACTION=    before containerd_world: where verdicts are made (tracepoint), and
#                                what they do to what is denied (kill)

containerd_world() {
  export USHER_BACKEND=${CTD_BACKEND:-tracepoint}
  command -v runc >/dev/null || skip_all "runc is not installed"
  # shellcheck source=../lab/containerd/lib.sh
  . "$ROOT/tests/lab/containerd/lib.sh"
  trap 'containerd_end; world_end' EXIT
  mkdir -p "$CG" "$W/hooks"
  cp "$BIN/usher-hook" "$W/hooks/usher-hook-$("$BIN/usher-hook" --version | awk '{print $NF}')"
  CTD_TREE=$("$CTD_LAB/fetch" "$1" 2>"$W/fetch.log") || { grep -m1 'cannot be had' "$W/fetch.log" && exit 77; }
  [ -z "${CTD_BASE_SPEC:-}" ] || base_spec "$CTD_BASE_SPEC"
  CTD_TREE=
  containerd_start "$1"
  ok "containerd $(cat "$CTD_TREE/unpacked") runs"
  sed -i 's/^select = .*/select = ["containerd"]/' "$W/usher.toml"
  cp "$W/usher.toml" "$W/usher.base"
  deny_programs by-label 'namespaces = ["payments"]
pod_labels = { app = "api" }' "${CTD_ACTION:-kill}"
}

configure() { # configure MODE [line…]
  {
    cat "$W/usher.base"
    cat <<T
[adapters.containerd]
mode = "$1"
runtimes = ["runc"]
nri.socket = "$NRI"
cri.socket = "$CRI"
cri.deadline_ms = 5000 # a machine that builds something else meanwhile is slow
hook_dir = "$W/hooks"
socket = "$W/run/hook.sock"
timeout = ${HOOK_MS:-10000}
T
    shift
    printf '%s\n' "$@"
    printf '[hook]\ndeadline = "8s"\n'
  } >"$W/usher.toml"
}

# How often the adapter said that it knows all there is; 1.6 has no NRI to register with.
registrations() {
  local said='registered with containerd'
  [ "$CTD_VERSION" != 1.6 ] || said='joined with containerd .*without NRI'
  grep -c "$said" "$W/usherd.log"
}
more_registrations() { [ "$(registrations)" -gt "$1" ]; }
mode() {
  local before
  before=$(registrations 2>/dev/null) || before=${before:-0} # no line is no success of grep's
  agent_stop
  configure "$@"
  need_agent
  wait_for 20 more_registrations "$before" || not_ok "mode $1: registered with containerd"
}

uid() { printf '%08x-1111-4222-8333-444444444444' "$1"; }
workloads() { ctl workloads --json; }
known() { workloads | grep -q "$1"; }

# A container's mark lies in its layer until its pod is removed.
ran() { [ -n "$(find "$CTD/root" -path "*/fs/tmp/$1" -print -quit 2>/dev/null)" ]; }

killed_by_policy() { # ID: it was enrolled, and then denied-programs met its entrypoint
  wait_for 5 grep -q "\"event\":\"enrolled\".*\"container_id\":\"$1\"" "$W/usherd.log" &&
    wait_for 5 sh -c "grep '\"event\":\"verdict\"' '$W/usherd.log' | grep '\"container_id\":\"$1\"' |
      grep -q '\"rule\":\"denied-programs\"'"
}

in_pod() { # in_pod SANDBOX POD UID NAME COMMAND…: a container, not started
  local sandbox=$1 name=$2 id=$3 container=$4 word words=()
  shift 4
  for word in "$@"; do words+=(--command "$word"); done
  pods container --sandbox "$sandbox" --namespace payments --name "$name" --uid "$id" \
    --cgroup-parent "$CG" --container "$container" "${words[@]}"
}

spec_of() { find "$CTD/state" -path "*/$1/config.json" -print -quit 2>/dev/null; }

# A base runtime spec as an installer would make it: the hook, without the default's rlimits.
base_spec() {
  local hook
  hook() {
    jq -n --arg path "$(echo "$W"/hooks/usher-hook-*)" --arg stage "$1" --arg socket "$W/run/hook.sock" \
      '{path: $path, timeout: 15, env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        args: ["usher-hook", $stage, "--runtime", "containerd", "--socket", $socket, "--timeout", "3000"]}'
  }
  "$CTD_TREE/usr/bin/ctr" oci spec |
    jq --argjson gate "$(hook createRuntime)" --argjson hint "$(hook poststop)" \
      'del(.process.rlimits) | .hooks = {createRuntime: [$gate], poststop: [$hint]}' >"$1" && [ -s "$1" ] || { not_ok "a base runtime spec can be made"; finish; }
}

containerd_kill() {
  kill -9 "$CTD_PID" 2>/dev/null
  wait "$CTD_PID" 2>/dev/null
  CTD_PID=
}

# One pod with an init container and two more, one of which has a denied entrypoint; and one beside.
covered() { # covered MODE NUMBER
  local m=$1 n=$2 sandbox init main side beside other
  sandbox=$(pod payments "api$n" "$(uid "$n")" --label app=api --label tier=gold)
  init=$(in_pod "$sandbox" "api$n" "$(uid "$n")" init /usr/bin/probe mark "/tmp/init$n")
  main=$(in_pod "$sandbox" "api$n" "$(uid "$n")" main /bin/sleep 1000)
  side=$(in_pod "$sandbox" "api$n" "$(uid "$n")" side /denied/probe mark "/tmp/side$n")
  for id in "$init" "$main" "$side"; do
    pods start "$id" >"$W/out/start" 2>&1 || not_ok "$m: $id starts: $(head -c 300 "$W/out/start")"
  done
  check "$m: an allowed init container ran" wait_for 5 ran "init$n"
  ran "side$n" && not_ok "$m: a denied entrypoint ran"
  killed_by_policy "$side" && ok "$m: a denied entrypoint met the policy by label at its first instruction" ||
    not_ok "$m: the denied entrypoint's verdict is not there"
  workloads >"$W/w"
  check "$m: the container is known with pod, uid, labels, image and where they are from" \
    jq -e --arg id "$main" --arg uid "$(uid "$n")" '.. | objects | select(.container_id? == $id) | tostring |
      contains($uid) and contains("tier") and contains("usher/box") and contains("the runtime'"'"'s own record")' "$W/w"
  ctr -n k8s.io task exec --exec-id "x$n" "$main" /denied/probe mark "/tmp/exec$n" >"$W/out/exec" 2>&1 </dev/null
  ran "exec$n" && not_ok "$m: a denied program ran by exec"
  killed_by_policy "$main" && ok "$m: exec into it is covered" || not_ok "$m: no verdict of the exec"
  read -r beside other < <(pod payments "web$n" "$(uid $((n + 1000)))" --label app=web --container main \
    --command /denied/probe --command mark --command "/tmp/web$n")
  check "$m: a pod with other labels is not under that policy" wait_for 5 ran "web$n"
  pods remove "$beside" >/dev/null 2>&1
  check "$m: a removed pod's workload ends" wait_for 30 sh -c "! '$BIN/usherctl' --socket '$W/run/admin.sock' workloads --json | grep -q '$other'"
  LAST_SANDBOX=$sandbox LAST_MAIN=$main
}

# Every key of both runtimes that a pod's author can write, as label and as annotation.
forged_keys_change_nothing() { # NUMBER
  local key words=() id
  for key in io.kubernetes.cri.{sandbox-namespace,sandbox-name,sandbox-uid,sandbox-id,container-name,container-type,image-name} \
    io.kubernetes.cri-o.{Namespace,KubeName,ContainerType,SandboxID,ContainerID,Labels} \
    io.kubernetes.pod.{namespace,name,uid} io.kubernetes.container.name io.cri-containerd.kind; do
    words+=(--annotation "$key=kube-system" --label "$key=kube-system")
  done
  read -r _ id < <(pod payments forger "$(uid "$1")" --label app=api "${words[@]}" --container main \
    --command /denied/probe --command mark --command /tmp/forger)
  ran forger && not_ok "a container with forged keys ran what is denied"
  killed_by_policy "$id" && ok "forged keys take nobody out of a policy" || not_ok "forged keys: no verdict"
  check "and change no namespace, name, uid or container" \
    sh -c "grep '\"event\":\"enrolled\".*$id' '$W/usherd.log' | grep '\"namespace\":\"payments\",\"pod\":\"forger\",\"container\":\"main\"' |
      grep -q '\"pod_uid\":\"$(uid "$1")\"'"
}

large_records_pass() { # NUMBER
  local id
  read -r _ id < <(pod payments large "$(uid "$1")" --label app=api --label-count 500 --annotation-bytes 200000 \
    --container main --command /denied/probe --command mark --command /tmp/large)
  ran large && not_ok "a pod with 500 labels was not under its policy"
  killed_by_policy "$id" && ok "500 labels and 200 kB of annotations pass, and the policy holds" ||
    not_ok "500 labels and 200 kB of annotations: no verdict"
  check "and NRI is still there" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' adapters | grep -q 'registered with'"
}

slot_of() { sed -n "s/.*enrolled in slot \([0-9]*\);.*$1.*/\1/p" "$W/usherd.log" | tail -n 1; }
still_enforced() { # TEXT MARK: exec of what is denied, in the last pod
  ctr -n k8s.io task exec --exec-id "$2" "$LAST_MAIN" /denied/probe mark "/tmp/$2" >"$W/out/$2" 2>&1 </dev/null
  ran "$2" && not_ok "$1: a denied program ran" || ok "$1"
}

# With the pods of the last `covered` running.
survives() { # NUMBER
  local before n=$1 adopted
  before=$(registrations)
  containerd_kill
  check "without containerd the adapter is unhealthy" wait_for 5 grep -q '"unhealthy: ' "$W/usherd.log"
  check "and nothing is dropped" known "$LAST_MAIN"
  containerd_start "$CTD_VERSION"
  check "containerd is back and has registered us again" wait_for 10 more_registrations "$before"
  check "the identity is the same, enrolled once" sh -c "grep -c '\"event\":\"enrolled\".*$LAST_MAIN' '$W/usherd.log' | grep -qx 1"
  still_enforced "and still enforced" "ctd$n"

  before=$(registrations)
  agent_kill
  need_agent
  check "a new agent adopts and registers" wait_for 10 more_registrations "$before"
  adopted=$(grep -c '"message":"adopted [1-9]' "$W/usherd.log")
  [ "$adopted" -ge 1 ] && known "$LAST_MAIN" && ok "with the same identities" || not_ok "the pods are not adopted"
  still_enforced "and enforces them" "agent$n"

  agent_kill
  rm -f "$W"/run/workloads/*
  before=$(registrations)
  need_agent
  wait_for 10 more_registrations "$before"
  check "without its records it knows them by containerd's list" \
    wait_for 10 grep -q "\"event\":\"identified\".*$LAST_MAIN" "$W/usherd.log"
  still_enforced "and enforces them all the same" "list$n"
  check "nothing was refused as another's" sh -c "! grep -q not-adopted '$W/usherd.log'"
}
