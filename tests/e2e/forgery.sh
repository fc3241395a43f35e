#!/bin/bash
# tests: both
# timeout: 120
# Who a container says it is counts only under the runtime that writes it; ids that disagree with
# the cgroup are refused; a container that reaches the agent's sockets is turned away.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
deny_programs all 'all = true'
need_agent
rt=$(basename "$(telling)")
probe=/usr/bin/probe

# 1. Another runtime's keys change nothing.
ANNOTATIONS=',"io.kubernetes.cri.sandbox-namespace":"kube-system","io.kubernetes.cri.container-name":"forged","io.kubernetes.cri-o.Namespace":"kube-system"' \
  bundle forged payments forged main -- $probe sleep
run_detached "$rt" forged || not_ok "the forged container runs"
ctl workloads --json >"$W/workloads"
check "foreign keys are ignored" sh -c "grep -q payments '$W/workloads' && ! grep -q kube-system '$W/workloads'"

# 2. A container of CRI-O that carries no CRI-O identity is refused.
HOOK_RUNTIME=cri-o bundle nokeys payments nokeys main -- $probe mark /marks/nokeys
run "$rt" nokeys
check "a CRI-O container without CRI-O's keys does not start" test ! -e "$W/marks/nokeys"
check "and is told why" grep -q "usher-hook:" "$W/out/nokeys"
delete "$rt" nokeys

# 3. A runtime that nobody serves.
HOOK_RUNTIME=unheard bundle unheard payments unheard main -- $probe mark /marks/unheard
run "$rt" unheard
check "a runtime that no adapter serves is refused" test ! -e "$W/marks/unheard"
delete "$rt" unheard

# 4. A pod uid that is not the cgroup's.
POD_UID=11111111-2222-3333-4444-555555555555 bundle uid payments uid main -- $probe mark /marks/uid
sed -i "s#\"cgroupsPath\":\"[^\"]*\"#\"cgroupsPath\":\"/usher-test-$$/kubepods/podaaaaaaaa-2222-3333-4444-555555555555/uid\"#" "$W/bundles/uid/config.json"
run "$rt" uid
check "a pod uid that disagrees with the cgroup is refused" test ! -e "$W/marks/uid"
check "and the message says both" grep -q "aaaaaaaa" "$W/out/uid"
delete "$rt" uid

# 5. From inside: the hook socket and the admin socket.
MOUNTS=",{\"destination\":\"/agent\",\"type\":\"bind\",\"source\":\"$W/run\",\"options\":[\"bind\",\"rw\"]}" \
  bundle inside payments inside main -- $probe sleep
run_detached "$rt" inside || not_ok "the inside container runs"
for s in hook admin; do
  check "a workload's process is turned away at $s.sock" test "$(exec_in "$rt" inside $probe talk /agent/$s.sock; echo $?)" = 1
done
check "and the agent says so" grep -q '"event":"peer-refused"' "$W/usherd.log"

# 6. Bad state on stdin: an error, never a silent success.
for bad in '' '{' '[]' '{"id":"x"}' '{"id":"x","pid":"1"}' '{"ociVersion":"1","id":"x","status":"creating","pid":1,"bundle":"/"}' \
  '{"ociVersion":"1","id":"x","status":"creating","pid":2147483647,"bundle":"/"}'; do
  printf '%s' "$bad" | "$BIN/usher-hook" createRuntime --runtime podman --socket "$W/run/hook.sock" --timeout 2000 >"$W/out/bad" 2>&1
  if [ $? -eq 1 ] && [ "$(grep -c . "$W/out/bad")" -eq 1 ]; then
    ok "refused with one sentence: ${bad:-nothing}"
  else
    not_ok "bad state «$bad»: $(cat "$W/out/bad")"
  fi
done
delete "$rt" forged
delete "$rt" inside
finish
