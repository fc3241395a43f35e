#!/bin/bash
# tests: native
# timeout: 600
# Pods of a real containerd in real virtual machines, gated and named by the agent on the host through
# the machines' vsock. Kata's runtime and its agent in the machines are played:
# tests/vm/kata/README.md.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
command -v jq >/dev/null || skip_all "jq is not installed"
USHER_LAB_DIR=${USHER_LAB_DIR:-$ROOT/build/lab} "$ROOT/tests/lab/vhost-device-vsock" >/dev/null || exit 77
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
# shellcheck source=../vm/kata/lib.sh
. "$ROOT/tests/vm/kata/lib.sh"

export CTD_NRI=1
CTD_LAB=$ROOT/tests/lab/containerd CTD=$W/containerd
# shellcheck source=../vm/kata/machines.sh
. "$ROOT/tests/vm/kata/machines.sh"
KATA_CGROUP=$CG
mkdir -p "$CG"
kata_places
for name in a b; do kata_machine $name "relay = vsock:4051" "deadline = 1900ms"; done

containerd_world "${CONTAINERD:-2.1}"
trap 'kata_end; containerd_end; world_end' EXIT
kata_containerd
containerd_kill
containerd_start "$CTD_VERSION"
sed -i 's/^select = .*/select = ["containerd", "kata"]/' "$W/usher.toml" "$W/usher.base"
rm -f "$W/policy.d"/*.toml
# Without an agent in the guest nothing can be enforced there: a policy with rules refuses the pod.
deny_programs guest-programs 'namespaces = ["payments"]'
mode nri 'kata_handlers = ["other"]' '[adapters.kata]' "sandboxes = [\"$KATA/sandboxes/{sandbox}/kata.hvsock\"]"
for name in a b; do kata_ready $name || { not_ok "the machine $name boots"; finish; }; done
ok "two machines run"

kata_pod() { # kata_pod NAMESPACE NAME NUMBER [OPTION…]
  local namespace=$1 name=$2 number=$3
  shift 3
  pod "$namespace" "$name" "$(uid "$number")" --handler other "$@"
}
kata_container() { # kata_container SANDBOX NAMESPACE POD NUMBER NAME COMMAND…
  local sandbox=$1 namespace=$2 name=$3 number=$4 container=$5 word words=()
  shift 5
  for word in "$@"; do words+=(--command "$word"); done
  pods container --sandbox "$sandbox" --namespace "$namespace" --name "$name" --uid "$(uid "$number")" \
    --cgroup-parent "$CG" --container "$container" "${words[@]}"
}
guest_ran() { guest "$1" guest test -e "/run/kata-rootfs/marks/$2"; }

OPEN=$(kata_pod open web-0 1) || not_ok "a pod that no policy selects starts"
check "its sandbox is a machine" test -S "$KATA/sandboxes/$OPEN/kata.hvsock"
C=$(kata_container "$OPEN" open web-0 1 main /denied/probe mark /marks/main)
check "its container starts" pods start "$C"
check "and runs in the machine" wait_for 10 guest_ran "$OPEN" main
check "the agent knows it as the guest's" eval 'workloads | tee "$W/w" | grep -q "$C"'

PAID=$(kata_pod payments pay-0 2) || not_ok "a pod whose policy cannot be enforced gets its sandbox"
D=$(kata_container "$PAID" payments pay-0 2 main /denied/probe mark /marks/main)
if pods start "$D" >"$W/out/denied" 2>&1; then not_ok "a container whose policy the guest cannot enforce started"; else
  ok "a container whose policy the guest cannot enforce does not start"; fi
check "it was killed in the machine" grep -q 'signal 9' "$W/out/denied"
guest_ran "$PAID" main && not_ok "it ran all the same" || ok "it did not run"
finish
