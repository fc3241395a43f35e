#!/bin/bash
# tests: native
# timeout: 180
# usher-hook as Kata's agent runs it, and what becomes of the container for each way a relay can
# answer or fail to. The agent is played (tests/vm/kata/README.md), and so is the relay.
set -u
NAME=kata_hook
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${USHER_BUILD:-$ROOT/build/dev}/bin
FAILURES=0
# shellcheck source=tests/vm/kata/lib.sh
. "$ROOT/tests/vm/kata/lib.sh"

skip_all() {
  echo "$*"
  exit 77
}
if [ -z "${W:-}" ]; then
  W=$(mktemp -d "${TMPDIR:-/tmp}/usher-kata.XXXXXX")
  export W
  unshare -m --propagation private "$0" "$@"
  status=$?
  rm -rf --one-file-system "$W"
  exit $status
fi
command -v jq >/dev/null || skip_all "jq is not installed"
BUSYBOX=$(command -v busybox) || skip_all "busybox is not installed"
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount -R /sys/fs/cgroup 2>/dev/null
  mount -t cgroup2 none /sys/fs/cgroup || skip_all "cannot mount cgroup2"
fi

ok() { echo "ok $NAME: $*"; }
not_ok() {
  echo "not ok $NAME: $*"
  echo "# last answer: ${ANSWER:-}"
  tail -n 5 "$W/agent.log" | sed 's/^/# agent: /'
  FAILURES=$((FAILURES + 1))
}
check() {
  local text=$1
  shift
  if "$@" >/dev/null 2>&1; then ok "$text"; else not_ok "$text"; fi
}
refute() {
  local text=$1
  shift
  if "$@" >/dev/null 2>&1; then not_ok "$text"; else ok "$text"; fi
}
wait_for() {
  local tries=400
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    read -r -t 0.02 <>"$W/never" || true
  done
}

CG=/sys/fs/cgroup/usher-test-$$
mkdir -p "$W"/{words,run} "$W"/rootfs/{bin,proc,dev,marks} "$CG"
mkfifo "$W/never"
cp "$BUSYBOX" "$W/rootfs/bin/busybox"
for applet in sh touch sleep; do ln -s busybox "$W/rootfs/bin/$applet"; done
: >"$W/agent.log"

RELAY=
SERVER=
clean_up() {
  local status=$?
  kata_agent_stop
  [ -z "$RELAY" ] || kill "$RELAY" 2>/dev/null
  [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null
  find "$CG" -depth -type d -exec rmdir {} + 2>/dev/null
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

relay_start() {
  "$BIN/tests/kata_relay_double" "$W/relay" "$W/words" >"$W/relay.log" 2>&1 &
  RELAY=$!
  wait_for grep -q ready "$W/relay.log"
}
relay_stop() {
  kill "$RELAY" 2>/dev/null
  wait "$RELAY" 2>/dev/null
  RELAY=
  rm -f "$W/relay"
}
word() { echo "$2" >"$W/words/$1"; } # word CONTAINER WORD
ran() { [ -e "$W/rootfs/marks/$1" ]; }
answer_is() { [ "$ANSWER" = "$1" ]; }
last_hook() { grep "$1/usher-hook" "$W/agent.log" | tail -n 1; }
# container NAME [ARG…]: by default one that leaves a mark.
container() {
  local name=$1
  shift
  [ $# -gt 0 ] || set -- /bin/touch "/marks/$name"
  kata_spec "$W/$name.json" container "$name" pause payments web-0 main "$@"
  kata create "$name" "$W/$name.json"
}
run_to_end() { kata start "$1" && kata wait "$1"; }

kata_hooks "$W/hooks" "relay = unix:$W/relay" "deadline = 1900ms"
# Hooks of others: one that fails, and what is none.
cat >"$W/hooks/prestart/10-fails" <<S
#!/bin/sh
{ echo "\$0 \$*"; env; pwd; cat; } >"$W/saw"
pid=\$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' "$W/saw")
cat "/proc/\$pid/cgroup" >"$W/saw.cgroup"
exit 1
S
chmod +x "$W/hooks/prestart/10-fails"
printf '#!/bin/sh\ntouch %s/must-not-run\n' "$W" >"$W/hooks/prestart/no-x-bit"
cp "$W/hooks/prestart/no-x-bit" "$W/link-target"
chmod +x "$W/link-target"
ln -s "$W/link-target" "$W/hooks/prestart/link"
mkdir "$W/hooks/prestart/folder"

relay_start
kata_agent_start "$W/rootfs" "$W/run" "$CG" "$W/agent.log"
kata sandbox "$W/hooks"
check "regular files with an x bit are hooks, links and folders are none" answer_is "ok 4 hooks"
word pause go
kata_spec "$W/pause.json" sandbox pause pause payments web-0 "" /bin/sleep 3600
check "the pause container comes first and is asked for" kata create pause "$W/pause.json"
check "it runs" kata start pause
refute "nothing else was run" test -e "$W/must-not-run"

# What a hook meets.
word main go
check "a container that the relay lets go is created" container main
check "although another hook failed" grep -q '10-fails: exit 1' "$W/agent.log"
check "a hook gets its name and its stage" grep -q '10-fails prestart$' "$W/saw"
refute "and no environment" grep -qE '^(PATH|HOME|USER)=/' "$W/saw"
check "the bundle is its directory" grep -qx "$W/run/main" "$W/saw"
check "the state is compact JSON without a line's end" \
  test "$(tail -n 1 "$W/saw" | jq -r '.id + .status + .annotations["io.kubernetes.cri.sandbox-namespace"]')" = "maincreatedpayments"
check "the process is in its cgroup already" grep -q "/pod11111111-2222-3333-4444-555555555555/main$" "$W/saw.cgroup"
refute "its program waits" ran main
check "it starts" kata start main
check "and runs" eval 'kata wait main && answer_is "ok exit 0" && ran main'
check "poststart and poststop cost nothing" eval 'kata remove main && last_hook poststop | grep -q "exit 0"'

# Every way to a no.
for how in refuse hang close garbage oversize other-nonce other-container; do
  word "$how" $how
  refute "$how: the container is not created" container $how
  check "$how: its process was killed" eval '[[ $ANSWER == *"signal 9)" ]]'
  refute "$how: its program did not run" ran $how
done
check "the reason is in the agent's log" grep -q 'refused this container: it is not on the list' "$W/agent.log"
check "poststop ran for what failed" eval '[ "$(grep -c "poststop/usher-hook: exit 0" "$W/agent.log")" -ge 8 ]'
check "no process was left by the hooks" eval '! grep -l usher-watchdog /proc/[0-9]*/comm | while read -r c; do grep -l "$W" "${c%comm}maps"; done | grep -q .'

# The hook is killed while it waits.
word killed hang
kata_spec "$W/killed.json" container killed pause payments web-0 main /bin/touch /marks/killed
echo "create killed $W/killed.json" >&"$KATA_IN"
wait_for grep -q '^killed hang' "$W/relay.log"
for child in $(cat /proc/"$KATA_AGENT"/task/*/children); do
  [ "$(cat "/proc/$child/comm")" != usher-hook ] || kill -KILL "$child"
done
IFS= read -r ANSWER <&"$KATA_OUT"
check "a hook that is killed takes the container along" eval '[[ $ANSWER == *"signal 9)" ]]'
refute "its program did not run" ran killed

# Nobody listens.
relay_stop
refute "without a relay nothing starts" container unheard
kata_agent_stop
kata_hooks "$W/hooks" "relay = unix:$W/relay" "deadline = 1900ms" "fail = open"
kata_agent_start "$W/rootfs" "$W/run" "$CG" "$W/agent.log"
kata sandbox "$W/hooks"
check "with fail = open it does" eval 'container open && run_to_end open && ran open'
check "and that is said" grep -q 'starts without policy because usher-hook.conf says fail = open' "$W/agent.log"

# The guest has an agent of ours, which hook_server stands for: only that is asked.
kata_agent_stop
kata_hooks "$W/hooks" "agent = $W/agent.sock" "relay = unix:$W/relay" "deadline = 1900ms"
server() { # server MODE
  [ -z "$SERVER" ] || kill "$SERVER"
  rm -f "$W/agent.sock"
  "$BIN/tests/hook_server" "$W/agent.sock" "$1" >"$W/server.log" 2>&1 &
  SERVER=$!
  wait_for grep -q ready "$W/server.log"
}
server go
kata_agent_start "$W/rootfs" "$W/run" "$CG" "$W/agent.log"
kata sandbox "$W/hooks"
check "with an agent in the guest, its GO is enough" eval 'container asked && run_to_end asked && ran asked'
check "it is asked for the container, and told of its start" eval \
  'grep -q "^HOOK_STAGE_PRESTART kata" "$W/server.log" && grep -q "^HOOK_STAGE_POSTSTART kata" "$W/server.log"'
server refuse
refute "its refusal is one" container told-no
check "and the process was killed" eval '[[ $ANSWER == *"signal 9)" ]]'
server garbage
refute "what is no agent is none" container untold
kata_hooks "$W/hooks" "relay = unix:$W/relay" "deadline = 1900ms"

# What no guest hook can see: hooks in the specification keep the guest's away.
kata_spec "$W/skipped.json" container skipped pause payments web-0 main /bin/touch /marks/skipped
jq -c '.hooks = {}' "$W/skipped.json" >"$W/skipped.with.json"
before=$(wc -l <"$W/agent.log")
check "an empty hooks object skips the guest's hooks" eval \
  'kata create skipped "$W/skipped.with.json" && run_to_end skipped && ran skipped'
check "none was run" test "$before" = "$(wc -l <"$W/agent.log")"

# A hook of another that keeps the agent waiting.
relay_start
word slow go
printf '#!/bin/sh\nexec sleep 3600\n' >"$W/hooks/prestart/20-hangs"
chmod +x "$W/hooks/prestart/20-hangs"
kata sandbox "$W/hooks"
check "a hook that hangs is killed after ten seconds, and the container starts" eval \
  'container slow && run_to_end slow && ran slow && grep -q "20-hangs: killed, overdue" "$W/agent.log"'
check "kubectl exec runs no hook" eval 'word long go; container long /bin/sleep 3600 && kata start long &&
  before=$(wc -l <"$W/agent.log") && kata exec long /bin/touch /marks/exec && answer_is "ok exit 0" && ran exec &&
  [ "$before" = "$(wc -l <"$W/agent.log")" ]'
exit $((FAILURES > 0))
