#!/bin/bash
# tests: native
# timeout: 200
# containerd 1.6 has no NRI: the hook in the base runtime spec is the gate, labels come over CRI.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
mkdir -p "$W/hooks"
CTD_BASE_SPEC=$W/base.json containerd_world 1.6
mode closed
check "without NRI the list comes over CRI" grep -q 'joined with containerd .*without NRI' "$W/usherd.log"
covered closed 1
forged_keys_change_nothing 2
read -r D _ < <(pod payments dead "$(uid 7)" --label app=api)
C=$(in_pod "$D" dead "$(uid 7)" main /usr/bin/probe mark /tmp/dead)
agent_kill
if pods start "$C" >"$W/out/dead" 2>&1; then not_ok "a container started while the agent was dead"; else
  ok "nothing starts while the agent is dead"; fi
finish
