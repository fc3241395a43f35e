#!/bin/bash
# tests: both
# timeout: 900
# The hook's installer and its keeper, with podman as the reader of the hooks directory: killed at
# each step, moved between versions, mended by a running agent, left in place by a stopped one; and
# hooks of another time than the agent's. With runc and crun.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
SERVER=$BIN/tests/hook_server
for need in "$SERVER" "$BIN/tests/hook_older" "$BIN/tests/hook_newer"; do
  [ -x "$need" ] || skip_all "$need is not built"
done
for need in podman conmon; do
  command -v $need >/dev/null || skip_all "$need is not installed"
done
HOOKS=$W/hooks.d
PROGRAMS=$W/opt
GATE=$HOOKS/usher-podman-gate.json
END=$HOOKS/usher-podman-end.json
NOW=$("$BIN/usher-hook" --version | sed 's/usher-hook //')
mkdir -p "$W/images"

pod() { # pod RUNTIME ARG…
  local rt=$1
  shift
  podman --root "$W/store" --runroot "$W/runroot" --tmpdir "$W/podman" --hooks-dir "$HOOKS" \
    --cgroup-manager cgroupfs --events-backend none --runtime "$rt" "$@"
}

# start RUNTIME NAMESPACE ARG…: one container to its end; output in $W/out/pod.
FLAGS=
start() {
  local rt=$1 ns=$2
  shift 2
  # shellcheck disable=SC2086
  pod "$rt" run --rm --network none --pids-limit 0 $FLAGS \
    --annotation "io.kubernetes.pod.namespace=$ns" --annotation "io.kubernetes.pod.name=pod-0" \
    --annotation "io.kubernetes.container.name=main" -v "$W/marks:/marks" --rootfs "$W/rootfs" "$@" \
    >"$W/out/pod" 2>&1 </dev/null
}

# Without the right to raise limits, and to filter devices, podman needs to be told.
find_flags() {
  local rt=$1 flags
  for flags in "" "--ulimit nofile=20000:20000 --ulimit nproc=4096:4096" \
    "--ulimit nofile=20000:20000 --ulimit nproc=4096:4096 --privileged"; do
    FLAGS=$flags
    start "$rt" default /bin/busybox echo hello && grep -q hello "$W/out/pod" && return 0
  done
  return 1
}

runtime() { # runtime ACTION ARG…
  local action=$1
  shift
  usherctl runtime "$action" cri-o --adapters "$ADAPTERS" --trust-any-owner --config "" --runtime podman \
    --hooks-dir "$HOOKS" --hook-dir "$PROGRAMS" --hook-source "${SOURCE:-$BIN/usher-hook}" \
    --hook-socket "$W/run/hook.sock" "$@"
}
PATH=$BIN:$PATH

mkdir -p "$HOOKS"
READERS=
for rt in $(runtimes); do
  if find_flags "$rt"; then
    READERS+=" $rt"
    eval "FLAGS_$rt=\$FLAGS"
  else
    skip_part "podman with $rt: $(tail -1 "$W/out/pod")"
  fi
done
[ -n "$READERS" ] || skip_all "podman starts no container here: $(tail -1 "$W/out/pod")"
use() { eval "FLAGS=\$FLAGS_$1"; }
FIRST=${READERS# }
FIRST=${FIRST%% *}

# 1. Killed at each step. hook_server stands for the agent: it counts the calls.
server_start() {
  "$SERVER" "$W/run/hook.sock" go >"$W/calls" &
  SERVER_PID=$!
  wait_for 20 grep -q ready "$W/calls"
}
server_stop() {
  kill "$SERVER_PID" && wait "$SERVER_PID" 2>/dev/null
  rm -f "$W/run/hook.sock"
}

state() { # all that a reader of the directory can see
  (cd "$HOOKS" 2>/dev/null && tail -n +1 ./*.json; ls "$PROGRAMS") 2>/dev/null
}

# sound WHAT: podman takes the directory as it is now, and the gate is called when its file is there.
sound() {
  local what=$1 key calls before gate=0 file
  key=$what.$(state | sha256sum | cut -c1-16)
  [ ! -e "$W/out/sound.$key" ] || return 0
  STATES=$((STATES + 1))
  [ -e "$GATE" ] && gate=1
  if [ "$what" = moved ] && [ $gate -eq 0 ]; then
    echo "the gate's file is gone"
    return 1
  fi
  for file in "$HOOKS"/usher-*.json; do
    [ -e "$file" ] || continue
    local program
    program=$(sed -n 's/.*"path": "\(.*\)",/\1/p' "$file")
    "$program" --version 2>/dev/null | grep -q '^usher-hook ' || {
      echo "$file names $program, which does not run"
      return 1
    }
  done
  before=$(grep -c CREATE_RUNTIME "$W/calls")
  use "$FIRST"
  if ! start "$FIRST" payments /bin/busybox echo hello; then
    cat "$W/out/pod"
    return 1
  fi
  calls=$(($(grep -c CREATE_RUNTIME "$W/calls") - before))
  if [ "$calls" -ne $gate ]; then
    echo "the gate was called $calls times, and its file is there $gate times"
    return 1
  fi
  touch "$W/out/sound.$key"
}

# killed WHAT PREPARE ACTION: kills the action at every step; each state must be sound, and a run
# that is let through must mend it.
killed() {
  local what=$1 prepare=$2 call n status steps=0 bad=0
  shift 2
  STATES=0
  for call in $CALLS; do
    n=1
    while :; do
      $prepare >/dev/null 2>&1 || { not_ok "$what: cannot prepare"; return; }
      # In a shell of its own, which keeps its remark on the death to itself.
      (
        strace -qq -o "$W/strace" -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
          "$BIN/usherctl" runtime "$@" >"$W/out/killed" 2>&1
        exit $?
      ) 2>/dev/null
      status=$?
      [ $status -eq 137 ] || break
      steps=$((steps + 1))
      if ! sound "$what" >"$W/out/why"; then
        not_ok "$what: killed at $call $n: $(head -c 300 "$W/out/why")"
        bad=1
      fi
      "$BIN/usherctl" runtime "$@" >"$W/out/again" 2>&1 || {
        not_ok "$what: after being killed at $call $n it cannot be repeated: $(tail -1 "$W/out/again")"
        bad=1
      }
      if find "$HOOKS" "$PROGRAMS" -name '.usher*' 2>/dev/null | grep -q .; then
        not_ok "$what: killed at $call $n, and repeated, it leaves temporary files"
        bad=1
      fi
      n=$((n + 1))
      [ $n -lt 60 ] || break
    done
    [ $status -eq 0 ] || { not_ok "$what: it fails by itself: $(tail -1 "$W/out/killed")"; bad=1; }
  done
  [ $bad -eq 1 ] || { [ $steps -ge "$MIN_STEPS" ] && ok "$what: sound after each of $steps kills ($STATES states)"; } ||
    not_ok "$what: only $steps steps could be killed"
}

set_options() {
  OPTIONS=(cri-o --adapters "$ADAPTERS" --trust-any-owner --config "" --runtime podman --hooks-dir "$HOOKS"
    --hook-dir "$PROGRAMS" --hook-source "$1" --hook-socket "$W/run/hook.sock")
}
nothing() { rm -rf "${HOOKS:?}"/*.json "$HOOKS"/.usher* "${PROGRAMS:?}"; }
older() { nothing; SOURCE=$BIN/tests/hook_older runtime install; }
current() { nothing; runtime install; }

if ! command -v strace >/dev/null || ! strace -qq -o /dev/null true 2>/dev/null; then
  skip_part "killed at each step: strace cannot trace here"
else
  server_start || not_ok "the test server starts"
  set_options "$BIN/usher-hook"
  if [ -n "${USHER_IN_VM:-}" ]; then # emulated: the steps at which what a reader sees changes
    CALLS=rename
    MIN_STEPS=3
    killed moved older install "${OPTIONS[@]}"
  else
    CALLS="mkdir write fsync fchmod rename unlink"
    MIN_STEPS=10
    killed installed nothing install "${OPTIONS[@]}"
    killed moved older install "${OPTIONS[@]}"
    MIN_STEPS=6
    killed uninstalled current uninstall "${OPTIONS[@]}"
  fi
  server_stop
fi

# 2. plan, install, verify, uninstall, as their user sees them.
nothing
runtime plan >"$W/out/plan"
check "plan shows the difference" grep -q '+ *"createRuntime",' "$W/out/plan"
check "and changes nothing" test ! -e "$GATE" -a ! -e "$PROGRAMS"
check "install" runtime install
runtime install >"$W/out/again"
check "a second install changes nothing" sh -c "! grep -Eq '^(create|replace|remove)' '$W/out/again'"
runtime verify >"$W/out/verify" 2>&1
check "verify says that podman does not read this directory by itself" \
  sh -c "grep -q 'not among the hooks directories' '$W/out/verify' && [ \$(grep -c problem: '$W/out/verify') -eq 1 ]"
echo '{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"always":"true"},"stages":["poststop"]}' >"$HOOKS/bad.json"
use "$FIRST"
start "$FIRST" default /bin/busybox echo hello
REFUSED=$?
runtime verify >"$W/out/verify" 2>&1
check "what podman refuses to read, verify blames" \
  sh -c "[ $REFUSED -ne 0 ] && grep -q 'bad.json keeps podman from running containers: it when.always' '$W/out/verify'"
rm "$HOOKS/bad.json"
check "uninstall" runtime uninstall
check "leaves nothing" sh -c "! find '$HOOKS' '$PROGRAMS' -name '*usher*' -type f | grep ."

# 3. The agent installs by itself, and containers are enrolled through what it installed.
deny_programs all
agent_config() { # agent_config SOURCE [LINE…]
  write_config
  {
    printf '\n[adapters.cri-o]\ninstall = true\nruntime = "podman"\nhooks_dir = "%s"\nhook_dir = "%s"\n' \
      "$HOOKS" "$PROGRAMS"
    printf 'socket = "%s"\nhook_source = "%s"\ntimeout = 10000\n' "$W/run/hook.sock" "$1"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@"
  } >>"$W/usher.toml"
}
enforced() { # enforced RUNTIME TEXT: a container is held by its policy, and only that one
  local rt=$1
  use "$rt"
  rm -f "$W"/marks/*
  start "$rt" payments /denied/probe mark /marks/denied
  start "$rt" payments /usr/bin/probe mark /marks/allowed
  check "$rt: $2: a denied entrypoint does not run" test ! -e "$W/marks/denied"
  check "$rt: $2: an allowed one does" test -e "$W/marks/allowed"
}
names() { grep -q "\"$PROGRAMS/usher-hook-$1\"" "$GATE"; }

agent_config "$BIN/usher-hook"
need_agent
check "the agent installs the hook at its start" names "$NOW"
for rt in $READERS; do enforced "$rt" "installed by the agent"; done

rm "$GATE"
check "a removed file is put back" wait_for 20 test -e "$GATE"
check "and it is said" wait_for 20 grep -q "hook repaired: $GATE is not there" "$W/usherd.log"
check "among the events, too" wait_for 5 sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' events --history 200 |
  grep -q 'hook repaired: $GATE is not there'"
sed -i 's/createRuntime/poststop/g' "$GATE"
check "an altered one too" wait_for 20 grep -q '"createRuntime"' "$GATE"
enforced "$FIRST" "after repairs"

agent_stop
check "the hook stays when the agent stops" names "$NOW"
rm -f "$W"/marks/*
start "$FIRST" payments /usr/bin/probe mark /marks/allowed
check "and no container starts without it" test ! -e "$W/marks/allowed"

# 4. An upgrade, and a downgrade, of the hook under the same agent.
for other in newer=99.0.0 older=0.0.1; do
  agent_config "$BIN/tests/hook_${other%=*}"
  agent_start || { not_ok "the agent starts with the ${other%=*} hook"; continue; }
  check "the files move to the ${other%=*} hook" names "${other#*=}"
  check "the program before stays for what names it still" \
    test "$(find "$PROGRAMS" -name 'usher-hook-*' | wc -l)" -ge 2
  for rt in $READERS; do
    # Emulated: one runtime a hook.
    [ -n "${USHER_IN_VM:-}" ] && [ "$READERS" = " runc crun" ] &&
      [ "$rt.${other%=*}" != runc.newer ] && [ "$rt.${other%=*}" != crun.older ] && continue
    enforced "$rt" "the ${other%=*} hook"
  done
  agent_stop
done

# 5. Who changes it again and again is not fought.
agent_config "$BIN/usher-hook"
agent_start || not_ok "the agent starts again"
gone() { ! test -e "$GATE"; }
for round in 1 2 3; do
  before=$(grep -c "hook repaired" "$W/usherd.log")
  rm -f "$GATE"
  wait_for 20 sh -c "[ \$(grep -c 'hook repaired' '$W/usherd.log') -gt $before ]" || not_ok "repair $round"
done
rm -f "$GATE"
check "after three repairs within a minute it gives up" \
  wait_for 20 sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' adapters | grep -q 'not kept any more'"
check "and leaves the directory alone" gone
agent_stop

# 6. Only when told to, the hook goes with the agent.
agent_config "$BIN/usher-hook" "uninstall_on_stop = true"
agent_start || not_ok "the agent starts with uninstall_on_stop"
enforced "$FIRST" "with uninstall_on_stop"
agent_stop
check "uninstall_on_stop takes the files away" sh -c "[ ! -e '$GATE' ] && [ ! -e '$END' ]"
rm -f "$W"/marks/*
start "$FIRST" payments /usr/bin/probe mark /marks/allowed
check "and containers start without the agent" test -e "$W/marks/allowed"
finish
