# shellcheck shell=bash
# Virtual machines as Kata's sandboxes, beside a real containerd. Sourced after tests/e2e/lib.sh,
# inside world().
#
#   kata_world CONF -- NAME…  boots machines with CONF as their usher-hook.conf, runs containerd, whose
#                             runtime handler "other" is Kata then, and usherd over its NRI
#   kata_pod NAMESPACE NAME NUMBER [OPTION…]  a pod in a machine that is free; prints the sandbox
#   need_pod VARIABLE TEXT NAMESPACE NAME NUMBER [OPTION…]  the same, or the end of the script
#   kata_container SANDBOX NAMESPACE POD NUMBER NAME COMMAND…   one in it, not started; prints it
#   guest SANDBOX REQUEST…    one request to the agent that is played in that sandbox
#   ends SANDBOX HOW REQUEST…  does what is asked for there end so ("exit 0")? Its answer in $ANSWER
#   guest_ran SANDBOX MARK    did a container there write that mark?
#   may_not_start, may_not_run, may_not_exec
#   warned TYPE SANDBOX       did the agent on the host say that, of that sandbox?
#   machine_kill SANDBOX      its virtual machine ends at once
#   KATA_SETTINGS             an array, before kata_world: further lines of [adapters.kata]
KATA=$W/kata
KATA_CGROUP=$CG
KATA_RUNS=()
CTD_LAB=$ROOT/tests/lab/containerd CTD=$W/containerd
# shellcheck source=lib.sh
. "$ROOT/tests/vm/kata/lib.sh"
# shellcheck source=../../e2e/containerd_lib.sh
. "$E2E/containerd_lib.sh"

kata_places() {
  mkdir -p "$KATA"/{sandboxes,machines}
  cat >"$KATA/runtime" <<T
#!/bin/bash
export KATA_DIR="$KATA/sandboxes" KATA_MACHINES="$KATA/machines" KATA_CGROUP="$KATA_CGROUP"
export KATA_CALL="$BIN/tests/kata_call" KATA_RUNC="$CTD_LAB/runc-here"
exec "$ROOT/tests/vm/kata/runtime" "\$@"
T
  chmod +x "$KATA/runtime"
  # Both machines at once, and no other of this computer meanwhile.
  exec 7>"${USHER_VM_LOCK:-/tmp/usher-vm.lock}"
  flock 7
}

kata_containerd() {
  sed -i "/runtimes.other.options/{n;s|BinaryName = .*|BinaryName = \"$KATA/runtime\"|}" "$CTD/config.toml"
}

kata_machine() {
  local name=$1
  shift
  mkdir -p "$KATA/machines/free-$name"
  ln -sfn "$KATA/machines/free-$name" "$KATA/machines/link-$name"
  "$ROOT/tests/vm/run" --vsock "$KATA/machines/link-$name/kata.hvsock" --mem 1024 --smp 1 --timeout 900 \
    ${GUEST_AGENT:+--env GUEST_AGENT=1} 6.12 /usher/tests/vm/kata/serve "$@" \
    >"$W/out/machine-$name" 2>&1 &
  KATA_RUNS+=($!)
}

kata_answers() { timeout 5 "$BIN/tests/kata_call" "$KATA/machines/link-$1/kata.hvsock" guest true; }
kata_ready() {
  wait_for 500 kata_answers "$1" && return
  sed 's/^/# /' "$W/out/machine-$1" | tail -n 5
  return 1
}
guest() {
  local sandbox=$1
  shift
  "$BIN/tests/kata_call" "$KATA/sandboxes/$sandbox/kata.hvsock" "$@"
}

# Without an answer neither this nor its contrary is so.
ends() {
  local sandbox=$1 how=$2
  shift 2
  ANSWER=$(guest "$sandbox" "$@" 2>&1)
  [[ $ANSWER == "ok $how"* ]]
}

kata_end() { # keeps the exit code
  local status=$? link run
  for link in "$KATA"/machines/link-*; do
    # One whose sandbox has ended has no such socket.
    [ ! -S "$link/kata.hvsock" ] || timeout 5 "$BIN/tests/kata_call" "$link/kata.hvsock" quit >/dev/null 2>&1
  done
  for run in "${KATA_RUNS[@]}"; do wait "$run" 2>/dev/null; done
  KATA_RUNS=()
  [ "$FAILURES" -eq 0 ] || for link in "$KATA"/machines/link-*; do
    tail -n 40 "$W/out/machine-${link##*link-}" | sed "s/^/# ${link##*link-}: /"
  done
  return "$status"
}

kata_world() {
  local conf=() name
  while [ "$1" != -- ]; do
    conf+=("$1")
    shift
  done
  shift
  command -v jq >/dev/null || skip_all "jq is not installed"
  [ -e "$ADAPTERS/kata.so" ] || skip_all "the adapter kata is not built"
  USHER_LAB_DIR=${USHER_LAB_DIR:-$ROOT/build/lab} "$ROOT/tests/lab/vhost-device-vsock" >/dev/null || exit 77
  mkdir -p "$CG"
  kata_places
  for name in "$@"; do kata_machine "$name" "${conf[@]}"; done
  export CTD_NRI=1
  containerd_world "${CONTAINERD:-2.1}"
  trap 'kata_end; containerd_end; world_end' EXIT
  kata_containerd
  containerd_kill
  containerd_start "$CTD_VERSION"
  sed -i 's/^select = .*/select = ["containerd", "kata"]/' "$W/usher.toml" "$W/usher.base"
  rm -f "$W/policy.d"/*.toml
  deny_programs guest-programs 'namespaces = ["payments"]'
  mode nri 'kata_handlers = ["other"]' '[adapters.kata]' \
    "sandboxes = [\"$KATA/sandboxes/{sandbox}/kata.hvsock\"]" "run_dir = \"$W/run\"" \
    "${KATA_SETTINGS[@]}"
  for name in "$@"; do
    if kata_ready "$name"; then ok "the machine $name runs"; else
      not_ok "the machine $name runs"
      finish
    fi
  done
}

kata_pod() {
  local namespace=$1 name=$2 number=$3
  shift 3
  pod "$namespace" "$name" "$(uid "$number")" --handler other "$@"
}
# Without it nothing that follows would show anything.
need_pod() {
  local variable=$1 text=$2
  shift 2
  printf -v "$variable" %s "$(kata_pod "$@")"
  check "$text" test -S "$KATA/sandboxes/${!variable}/kata.hvsock"
  [ "$FAILURES" -eq 0 ] || finish
}
kata_container() {
  local sandbox=$1 namespace=$2 name=$3 number=$4 container=$5 word words=()
  shift 5
  for word in "$@"; do words+=(--command "$word"); done
  pods container --sandbox "$sandbox" --namespace "$namespace" --name "$name" --uid "$(uid "$number")" \
    --cgroup-parent "$CG" --container "$container" "${words[@]}"
}
guest_ran() { ends "$1" "exit 0" guest "test -e /run/kata-rootfs/marks/$2"; }
may_not_start() { # may_not_start TEXT CONTAINER: the hook kills it
  if pods start "$2" >"$W/out/start" 2>&1; then
    not_ok "$1: it started"
  elif grep -q 'signal 9' "$W/out/start"; then ok "$1"; else not_ok "$1: $(tail -n 1 "$W/out/start")"; fi
}
may_not_run() { # may_not_run TEXT SANDBOX MARK
  if ends "$2" "exit 1" guest "test -e /run/kata-rootfs/marks/$3"; then ok "$1"; else not_ok "$1: $ANSWER"; fi
}
may_not_exec() { # may_not_exec TEXT SANDBOX CONTAINER PROGRAM…: the kernel refuses it
  local text=$1 sandbox=$2
  shift 2
  if ends "$sandbox" "exit 126" exec "$@"; then ok "$text"; else not_ok "$text: $ANSWER"; fi
}
warned() { grep "\"$1\"" "$W/usherd.log" | grep -q "$2"; }
machine_kill() {
  local process
  while read -r process; do
    case $(readlink "/proc/$process/exe") in */qemu-*) kill -KILL "$process" ;; esac
  done <"$KATA_CGROUP/kata_$1/cgroup.procs"
}
