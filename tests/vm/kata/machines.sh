# shellcheck shell=bash
# Virtual machines as Kata's sandboxes, beside a real containerd. Sourced after tests/e2e/lib.sh,
# tests/vm/kata/lib.sh and tests/lab/containerd/lib.sh, inside world().
#
#   kata_places             folders, and the runtime as $KATA/runtime
#   kata_containerd         containerd's runtime handler "other" is Kata, from now on
#   kata_machine NAME CONF… boots a machine that waits for its sandbox; CONF: its usher-hook.conf
#   kata_ready NAME         waits until it answers
#   guest SANDBOX REQUEST…  one request to the agent that is played in that sandbox
#   kata_end                ends them all
KATA=$W/kata

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
  "$ROOT/tests/vm/run" --vsock "$KATA/machines/link-$name/kata.hvsock" --mem 1024 --smp 1 --timeout 600 \
    ${GUEST_AGENT:+--env GUEST_AGENT=1} 6.12 /usher/tests/vm/kata/serve "$@" \
    >"$W/out/machine-$name" 2>&1 &
  KATA_RUNS+=($!)
}

kata_answers() { "$BIN/tests/kata_call" "$KATA/machines/link-$1/kata.hvsock" guest true; }
kata_ready() {
  wait_for 180 kata_answers "$1" && return
  sed 's/^/# /' "$W/out/machine-$1" | tail -n 5
  return 1
}
guest() {
  local sandbox=$1
  shift
  "$BIN/tests/kata_call" "$KATA/sandboxes/$sandbox/kata.hvsock" "$@"
}

kata_end() {
  local link run
  for link in "$KATA"/machines/link-*; do
    "$BIN/tests/kata_call" "$link/kata.hvsock" quit >/dev/null 2>&1
  done
  for run in "${KATA_RUNS[@]}"; do wait "$run" 2>/dev/null; done
  KATA_RUNS=()
}
KATA_RUNS=()
