#!/bin/bash
# tests: native
# timeout: 300
# containerd with its adapter, in each mode of its gate: pods through CRI as a kubelet makes them are
# known with their labels, and policies by label hold from the first instruction; what a pod's author
# can write changes nothing; agent and containerd may die while pods run.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
export CTD_NRI=1
containerd_world "${CONTAINERD:-2.1}"

# ---- the gate is NRI's StartContainer
mode nri
covered nri 1
forged_keys_change_nothing 2
large_records_pass 3

# ---- the gate is a hook that NRI adds
mode inject 'kata_handlers = ["other"]'
covered inject 4
check "inject: the hook is in the container's own specification" \
  jq -e '.hooks.createRuntime[0].args[1] == "createRuntime"' "$(spec_of "$LAST_MAIN")"
read -r _ K < <(pod payments kata "$(uid 5)" --label app=api --container main --handler other \
  --command /bin/sh --command -c --command '/denied/probe mark /tmp/kata; exec sleep 1000')
check "inject: a handler of virtual machines gets no hook" \
  jq -e '(.hooks.createRuntime // []) | length == 0' "$(spec_of "$K")"
check "inject: and no gate" wait_for 5 ran kata

# ---- the gate is the hook in the base runtime spec; containerd starts anew with pods running
agent_stop
base_spec "$W/base.json"
CTD_BASE_SPEC=$W/base.json containerd_config
containerd_kill
containerd_start "$CTD_VERSION"
mode closed
covered closed 6
check "closed: the hook and NRI's start are two gates of one enrolment" \
  sh -c "grep -c '\"event\":\"enrolled\".*$LAST_MAIN' '$W/usherd.log' | grep -qx 1"

# ---- a dead agent: nothing starts, unless it is exempt
read -r D _ < <(pod payments dead "$(uid 7)" --label app=api)
C=$(in_pod "$D" dead "$(uid 7)" main /usr/bin/probe mark /tmp/dead)
agent_kill
if pods start "$C" >"$W/out/dead" 2>&1; then not_ok "closed: a container started while the agent was dead"; else
  grep -q usher-hook "$W/out/dead" && ok "closed: nothing starts while the agent is dead, and the reason is said" ||
    not_ok "closed, dead agent: $(head -c 300 "$W/out/dead")"; fi
ran dead && not_ok "closed: it ran all the same"
mode closed

survives 8
finish
