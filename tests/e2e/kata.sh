#!/bin/bash
# Containers of a real virtual machine, gated from the host through the machine's vsock. Kata's own
# agent is played (tests/vm/kata/README.md).
# tests: native
# timeout: 400
set -u
NAME=kata
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${USHER_BUILD:-$ROOT/build/dev}/bin
# shellcheck source=tests/vm/kata/lib.sh
. "$ROOT/tests/vm/kata/lib.sh"
command -v jq >/dev/null || { echo "jq is not installed"; exit 77; }
USHER_LAB_DIR=${USHER_LAB_DIR:-$ROOT/build/lab} "$ROOT/tests/lab/vhost-device-vsock" >/dev/null || exit 77

W=$(mktemp -d "${TMPDIR:-/tmp}/usher-kata.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$W"' EXIT
mkdir -p "$W/specs" "$W/words"
number=0
spec() { # spec NAME KIND NAMESPACE ARG…
  local name=$1 kind=$2 namespace=$3 id
  shift 3
  number=$((number + 1))
  id=$(printf '%064x' $((0xabc000 + number)))
  [ "$kind" = container ] || sandbox=$id
  echo "$id" >"$W/specs/$name.id"
  kata_spec "$W/specs/$name.json" "$kind" "$id" "$sandbox" "$namespace" "web-0" "$name" "$@"
}
spec pause sandbox open /bin/sleep 3600
spec denied container payments /bin/touch /marks/denied
spec allowed container open /bin/touch /marks/allowed
for name in pause allowed; do echo go >"$W/words/$(cat "$W/specs/$name.id")"; done

"$BIN/tests/kata_relay_double" "$W/vsock_4051" "$W/words" >"$W/relay.log" 2>&1 &
pids+=($!)
"$ROOT/tests/vm/run" --vsock "$W/vsock" --timeout 200 --extra "$W/specs:/run/specs" --env SPECS=/run/specs \
  6.12 /usher/tests/vm/kata/guest.sh "relay = vsock:4051"
