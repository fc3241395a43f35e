#!/bin/bash
# tests: both
# timeout: 480
# usher-hook under real runtimes: what a container's start comes to, and what the runtime shows, for
# each way an agent can answer or fail to. hook_server stands for the agent.
set -u

NAME=hook_runtimes
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${USHER_BIN:-${USHER_BUILD:-$ROOT/build/dev}/bin}
[ -d "$BIN" ] || BIN=/usher/bin
HOOK=$BIN/usher-hook
SERVER=$BIN/tests/hook_server
FAILURES=0

skip_all() {
  echo "$*"
  exit 77
}

if [ -z "${W:-}" ]; then
  W=$(mktemp -d "${TMPDIR:-/tmp}/usher-hook.XXXXXX")
  export W
  unshare -m --propagation private "$0" "$@"
  status=$?
  rm -rf --one-file-system "$W"
  exit $status
fi

for need in "$HOOK" "$SERVER"; do
  [ -x "$need" ] || skip_all "$need is not built"
done
BUSYBOX=$(command -v busybox) || skip_all "busybox is not installed"
RUNTIMES=
for rt in ${USHER_RUNTIMES:-runc crun}; do
  if command -v "$rt" >/dev/null; then RUNTIMES+=" $rt"; else echo "skip $NAME: $rt is not installed"; fi
done
[ -n "$RUNTIMES" ] || skip_all "neither runc nor crun is installed"

# crun takes only a pure cgroup2 tree; runc takes it too.
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount -R /sys/fs/cgroup 2>/dev/null
  mount -t cgroup2 none /sys/fs/cgroup || skip_all "cannot mount cgroup2"
fi

SOCKET=$W/run/hook.sock
SPOOL=$W/spool
SERVER_PID=
RUN_PID=
mkdir -p "$W"/{run,bundle,state.runc,state.crun} "$W"/rootfs/{bin,proc,dev,run/usher}
mkfifo "$W/never"
cp "$BUSYBOX" "$W/rootfs/bin/busybox"
cp "$HOOK" "$W/rootfs/bin/usher-hook"

clean_up() {
  local status=$?
  server_stop
  [ -z "$RUN_PID" ] || kill "$RUN_PID" 2>/dev/null
  for rt in $RUNTIMES; do "$rt" --root "$W/state.$rt" delete -f hooked >/dev/null 2>&1; done
  rmdir "/sys/fs/cgroup/usher-hook-$$" 2>/dev/null
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

wait_for() { # wait_for COMMAND…: at most 20 s
  local tries=400
  while [ $tries -gt 0 ]; do
    "$@" >/dev/null 2>&1 && return 0
    tries=$((tries - 1))
    read -r -t 0.05 <>"$W/never" || true
  done
  return 1
}

server() { # server MODE [MS]
  server_stop
  rm -f "$SOCKET"
  : >"$W/calls"
  "$SERVER" "$SOCKET" "$@" >"$W/calls" &
  SERVER_PID=$!
  wait_for grep -q ready "$W/calls" || {
    echo "not ok $NAME: the test server does not start"
    exit 1
  }
}

server_stop() {
  [ -z "$SERVER_PID" ] || { kill "$SERVER_PID" && wait "$SERVER_PID"; } 2>/dev/null
  SERVER_PID=
}

hook_json() { # hook_json PATH STAGE
  local extra list=
  for extra in $EXTRA; do list+=",\"$extra\""; done
  printf '{"path":"%s","args":["usher-hook","%s","--runtime","podman","--socket","%s","--spool","%s"%s],"env":[],"timeout":60}' \
    "$1" "$2" "${3:-$SOCKET}" "$SPOOL" "$list"
}

# bundle NAMESPACE [STAGE…]: a container that says hello, with our hook in the stages. EXTRA:
# arguments of the hook. PAD: a file with the value of one more annotation.
bundle() {
  local namespace=$1 stage hooks=
  shift
  for stage in "${@:-createRuntime}"; do
    if [ "$stage" = startContainer ]; then # its path and socket are the container's
      hooks+=",\"$stage\":[$(hook_json /bin/usher-hook "$stage" /run/usher/hook.sock)]"
    else
      hooks+=",\"$stage\":[$(hook_json "$HOOK" "$stage")]"
    fi
  done
  cat >"$W/bundle/config.json" <<J
{"ociVersion":"1.0.2",
 "process":{"terminal":false,"user":{"uid":0,"gid":0},"args":["/bin/busybox","echo","hello"],"cwd":"/",
  "env":["PATH=/bin"],"capabilities":{}},
 "root":{"path":"$W/rootfs"},"hostname":"test",
 "annotations":{"io.kubernetes.pod.namespace":"$namespace","io.kubernetes.pod.name":"web-0",
  "usher.io/image":"registry.example/sys/agent:1",
  "run.oci.hooks.stderr":"$W/crun.stderr","pad":"$(cat "${PAD:-/dev/null}")"},
 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["mode=755"]},
  {"destination":"/run/usher","type":"bind","source":"$W/run","options":["bind","rw"]}],
 "hooks":{${hooks#,}},
 "linux":{"cgroupsPath":"/usher-hook-$$",
  "namespaces":[{"type":"mount"},{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"network"}]}}
J
}

# Output and, because crun shows no hook's standard error but writes it where an annotation says, that.
run() {
  : >"$W/crun.stderr"
  rm -rf "$SPOOL"
  "$1" --root "$W/state.$1" run --bundle "$W/bundle" hooked >"$W/out" 2>&1 </dev/null
  STATUS=$?
  cat "$W/crun.stderr" >>"$W/out"
  "$1" --root "$W/state.$1" delete -f hooked >/dev/null 2>&1
}

said() { grep -qF -- "$1" "$W/out"; }
sentences() { grep -o 'usher-hook: ' "$W/out" | wc -l; }
notes() { find "$SPOOL" -name '[!.]*.json' 2>/dev/null | wc -l; }

# expect TEXT started|stopped NOTES [SAID]: of the last run.
expect() {
  local text=$1 how=$2 count=$3 wrong=
  if [ "$how" = started ]; then
    { [ "$STATUS" -eq 0 ] && said hello; } || wrong="the container did not run"
  else
    { [ "$STATUS" -ne 0 ] && ! said hello; } || wrong="the container ran"
  fi
  [ "$(notes)" -eq "$count" ] || wrong+=" $(notes) notes in the spool instead of $count"
  if [ -n "${4:-}" ]; then
    said "$4" || wrong+=" nobody said: $4"
    [ "$(sentences)" -eq 1 ] || wrong+=" $(sentences) sentences instead of one"
  else
    [ "$(sentences)" -eq 0 ] || wrong+=" the hook spoke"
  fi
  if [ -z "$wrong" ]; then
    echo "ok $NAME: $rt: $text"
  else
    echo "not ok $NAME: $rt: $text ($wrong; exit $STATUS)"
    head -c 2000 "$W/out" | sed 's/^/# /'
    FAILURES=$((FAILURES + 1))
  fi
}

ok_if() { # ok_if TEXT COMMAND…
  local text=$1
  shift
  if "$@"; then
    echo "ok $NAME: $text"
  else
    echo "not ok $NAME: $text"
    FAILURES=$((FAILURES + 1))
  fi
}

# runc shows what a hook said only when the hook failed: then nothing is expected to be shown.
unless_runc() { [ "$rt" = runc ] || echo "$*"; }

STAGES="prestart createRuntime createContainer startContainer poststart poststop"
for rt in $RUNTIMES; do
  EXTRA="--timeout 20000"
  server go
  # shellcheck disable=SC2086
  bundle payments $STAGES && run "$rt"
  expect "an agent that says go lets the container start" started 0
  for stage in PRESTART CREATE_RUNTIME CREATE_CONTAINER START_CONTAINER POSTSTART POSTSTOP; do
    ok_if "$rt: the agent was told of $stage" grep -q "^HOOK_STAGE_$stage podman" "$W/calls"
  done
  server slow 300
  bundle payments && run "$rt"
  expect "a slow agent is waited for" started 0

  server refuse
  bundle payments && run "$rt"
  expect "a refusal stops the container, and its reason is shown" stopped 0 \
    "the agent refused this container: no policy for"
  EXTRA="--timeout 20000 --fail open"
  bundle kube-system && run "$rt"
  expect "neither --fail open nor an exemption overrides a refusal" stopped 0 "refused"
  server error
  bundle payments && run "$rt"
  expect "an error of the agent is a refusal, with its message decoded" stopped 0 "100% full"
  server busy
  EXTRA="--timeout 3000"
  bundle payments && run "$rt"
  expect "an agent that is not ready is asked until the deadline" stopped 0 "still loading"
  server hang
  EXTRA="--timeout 300"
  bundle payments && run "$rt"
  expect "an agent that does not answer meets the deadline" stopped 0 "gave no verdict within 300 ms"
  server garbage
  EXTRA="--timeout 20000"
  bundle payments && run "$rt"
  expect "something that is no agent stops the container" stopped 0 "does not speak HTTP/2"

  # The agent restarts while a hook asks it.
  server close
  bundle payments
  run "$rt" & RUN_PID=$!
  ok_if "$rt: a hook asks an agent that goes away" wait_for grep -q closed "$W/calls"
  server go
  wait $RUN_PID
  RUN_PID=
  ok_if "$rt: an agent restarted within the deadline is found" \
    sh -c "grep -q hello '$W/out' && grep -q '^HOOK_STAGE_CREATE_RUNTIME' '$W/calls'"

  # No agent at all.
  server_stop
  rm -f "$SOCKET"
  EXTRA="--timeout 200"
  bundle payments && run "$rt"
  expect "without an agent the container is not started" stopped 0 "could not be reached within 200 ms"
  bundle payments createContainer && run "$rt"
  expect "nor by a hook inside its namespaces" stopped 0 "could not be reached"
  bundle kube-system && run "$rt"
  expect "an exempt namespace starts, and is noted" started 1 "$(unless_runc namespace kube-system is exempt)"
  ok_if "$rt: the note names the container" \
    grep -q '"id":"hooked","namespace":"kube-system","pod":"web-0"' "$SPOOL"/*.json
  EXTRA="--timeout 200 --no-default-exemptions"
  bundle kube-system && run "$rt"
  expect "no default exemptions means none" stopped 0 "could not be reached"
  EXTRA="--timeout 200 --exempt-namespace sys-* --exempt-image registry.example/sys/*"
  bundle sys-net && run "$rt"
  expect "an exemption narrowed by its image holds" started 1 "$(unless_runc namespace sys-net is exempt)"
  EXTRA="--timeout 200 --exempt-namespace sys-* --exempt-image registry.example/app/*"
  bundle sys-net && run "$rt"
  expect "and does not for another image" stopped 0 "could not be reached"
  EXTRA="--timeout 200 --fail open"
  bundle payments && run "$rt"
  expect "--fail open starts it, and is noted" started 1 "$(unless_runc without policy)"
  EXTRA="--timeout 200"
  bundle payments poststart poststop && run "$rt"
  STATUS_HINTS=$STATUS
  ok_if "$rt: poststart and poststop never fail a container" \
    sh -c "[ $STATUS_HINTS -eq 0 ] && grep -q hello '$W/out'"

  # Sizes: beyond HTTP/2's first window, beyond what the hook takes.
  server go
  EXTRA="--timeout 20000"
  head -c 100000 /dev/zero | tr '\0' p >"$W/pad"
  PAD=$W/pad bundle payments && run "$rt"
  expect "a state of 100 kB is forwarded whole" started 0
  ok_if "$rt: the agent got all of it" awk '$3 > 100000 { found = 1 } END { exit !found }' "$W/calls"
  EXTRA="--timeout 20000 --fail open"
  head -c 5000000 /dev/zero | tr '\0' p >"$W/pad"
  PAD=$W/pad bundle kube-system && run "$rt"
  expect "a state beyond the limit stops even what fails open" stopped 0 "longer than 4194304 bytes"

  EXTRA="--no-such-option"
  bundle payments && run "$rt"
  expect "wrong arguments stop the container and are shown" stopped 0 "unknown option"
  server_stop
done

# Without a runtime.
rt=hook
STATE='{"id":"a","annotations":{}}'
echo "$STATE" | env -i "$HOOK" created --runtime podman 2>/dev/null
ok_if "wrong arguments exit with 2" [ $? -eq 2 ]
server go
echo "$STATE" | env -i "$HOOK" createRuntime --runtime podman --socket "$SOCKET"
ok_if "an empty environment is enough" [ $? -eq 0 ]
echo "$STATE" | "$HOOK" createRuntime --runtime podman --socket "$SOCKET" >&- 2>&-
ok_if "closed standard output and error do no harm" [ $? -eq 0 ]
CALLS=$(wc -l <"$W/calls")
echo "$STATE" | "$HOOK" createRuntime --runtime podman --socket "$SOCKET" --print >"$W/out"
ok_if "--print shows the request" grep -q 'state: {"id":"a"' "$W/out"
ok_if "--print sends nothing" [ "$(wc -l <"$W/calls")" -eq "$CALLS" ]
case $(file -b "$HOOK" 2>/dev/null) in
  *static*) echo "ok $NAME: the hook is static" ;;
  "") echo "skip $NAME: the hook is static: file is not installed" ;;
  *) ok_if "the hook is static" false ;;
esac
exit $((FAILURES > 0))
