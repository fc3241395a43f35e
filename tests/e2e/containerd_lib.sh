# shellcheck shell=bash
# What the tests of containerd's adapter share; sourced after lib.sh, inside world().
#
#   containerd_world VERSION     containerd with NRI, policies by label; the agent does not run yet
#   mode closed|nri|inject       the agent starts anew in that mode; waits until NRI is registered
#   pod …                        lab/containerd/lib.sh; labels app=api are under the policy
#   in_pod SANDBOX POD UID …     one container more, not started; prints its id
#   ran MARK                     did a container write that mark?

containerd_world() {
  export USHER_BACKEND=tracepoint
  command -v runc >/dev/null || skip_all "runc is not installed"
  # shellcheck source=../lab/containerd/lib.sh
  . "$ROOT/tests/lab/containerd/lib.sh"
  trap 'containerd_end; world_end' EXIT
  mkdir -p "$CG" "$W/hooks"
  cp "$BIN/usher-hook" "$W/hooks/usher-hook-$("$BIN/usher-hook" --version | awk '{print $NF}')"
  containerd_start "$1"
  ok "containerd $(cat "$CTD_TREE/unpacked") runs"
  sed -i 's/^select = .*/select = ["containerd"]/' "$W/usher.toml"
  cp "$W/usher.toml" "$W/usher.base"
  deny_programs by-label 'namespaces = ["payments"]
pod_labels = { app = "api" }' kill
}

configure() { # configure MODE [line…]
  {
    cat "$W/usher.base"
    cat <<T
[adapters.containerd]
mode = "$1"
nri.socket = "$NRI"
cri.socket = "$CRI"
cri.deadline_ms = 5000 # a machine that builds something else meanwhile is slow
hook_dir = "$W/hooks"
socket = "$W/run/hook.sock"
timeout = 10000
T
    shift
    printf '%s\n' "$@"
    printf '[hook]\ndeadline = "8s"\n'
  } >"$W/usher.toml"
}

registrations() { grep -c 'registered with containerd' "$W/usherd.log"; }
more_registrations() { [ "$(registrations)" -gt "$1" ]; }
mode() {
  local before
  before=$(registrations 2>/dev/null || echo 0)
  agent_stop
  configure "$@"
  need_agent
  wait_for 10 more_registrations "$before" || not_ok "mode $1: registered over NRI"
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
