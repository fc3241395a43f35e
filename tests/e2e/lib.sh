# shellcheck shell=bash
# What every end-to-end script shares: a private world (mount namespace, bpffs, cgroup2 view, run
# directory), a real usherd in it, and OCI bundles for real runtimes.
#
#   . "$(dirname "$0")/lib.sh"
#   world "$@"            re-execs the script inside its private world; returns inside it
#   policy NAME <<'T' …   writes policy.d/NAME.toml
#   deny_programs NAME [SELECT [ACTION]]   writes one that denies /denied/
#   need_agent; need_lsm; agent_start; agent_stop; agent_kill
#   bundle NAME NAMESPACE POD CONTAINER [label=value …] -- ARG…    → $W/bundles/NAME
#   run RUNTIME NAME      runs it; output in $W/out/NAME, exit status in $?
#   ok TEXT / not_ok TEXT / check TEXT COMMAND… ; finish
#
# Everything lies below $W and ends with the script: processes by their pid, pins, cgroups, mounts.
set -u

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$E2E/../.." && pwd)
BUILD=${USHER_BUILD:-$ROOT/build/dev}
BIN=$BUILD/bin
ADAPTERS=$BUILD/adapters
FAILURES=0

ok() { echo "ok $NAME: $*"; }
not_ok() {
  echo "not ok $NAME: $*"
  FAILURES=$((FAILURES + 1))
}
skip_part() { echo "skip $NAME: $*"; }
skip_all() {
  echo "$*"
  exit 77
}

# check TEXT COMMAND…: ok when the command succeeds.
check() {
  local text=$1
  shift
  if "$@" >"$W/check.log" 2>&1; then
    ok "$text"
  else
    not_ok "$text"
    sed 's/^/# /' "$W/check.log" | tail -5
  fi
}

# wait_for SECONDS COMMAND…: polls until the command succeeds.
wait_for() {
  local tries=$(($1 * 20))
  shift
  while [ "$tries" -gt 0 ]; do
    "$@" >/dev/null 2>&1 && return 0
    tries=$((tries - 1))
    read -r -t 0.05 <>"$W/never" || true
  done
  return 1
}

finish() {
  [ "$FAILURES" -eq 0 ] || tail -n 12 "$W/usherd.log" 2>/dev/null | cut -c1-240 | sed 's/^/# usherd: /'
  exit $((FAILURES > 0))
}

world() {
  NAME=$(basename "$0" .sh)
  if [ -z "${USHER_WORLD:-}" ]; then
    W=$(mktemp -d "${TMPDIR:-/tmp}/usher-$NAME.XXXXXX")
    export W
    # --kill-child: whatever the script leaves in its pid namespace's place ends with it.
    USHER_WORLD=1 unshare -m --propagation private "$0" "$@"
    local status=$?
    rm -rf --one-file-system "$W"
    exit $status
  fi
  mkdir -p "$W"/{bpf,run,state,policy.d,bundles,out,marks,cgroup,state.runc,state.crun}
  mkfifo "$W/never"
  # Records are written on the way to every verdict: to memory, as below /run.
  mount -t tmpfs -o mode=0755,size=64m none "$W/run" || skip_all "cannot mount a tmpfs"
  mount -t bpf none "$W/bpf" || skip_all "cannot mount bpffs"
  if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount -R /sys/fs/cgroup 2>/dev/null
    mount -t cgroup2 none /sys/fs/cgroup || skip_all "cannot mount cgroup2"
  fi
  CG=/sys/fs/cgroup/usher-test-$$
  trap world_end EXIT
  trap 'exit 130' INT TERM
  rootfs "$W/rootfs"
  write_config
}

world_end() {
  local status=$?
  agent_stop 2>/dev/null
  for pid in $(find "/sys/fs/cgroup/usher-test-$$" -name cgroup.procs -exec cat {} + 2>/dev/null); do
    kill -9 "$pid" 2>/dev/null
  done
  for state in "$W"/state.runc/* "$W"/state.crun/*; do
    [ -d "$state" ] || continue
    case $state in
      */state.runc/*) runc --root "$W/state.runc" delete -f "$(basename "$state")" 2>/dev/null ;;
      *) crun --root "$W/state.crun" delete -f "$(basename "$state")" 2>/dev/null ;;
    esac
  done
  "$BIN/usherd" --config "$W/usher.toml" --teardown --yes >/dev/null 2>&1
  find "/sys/fs/cgroup/usher-test-$$" -depth -type d -exec rmdir {} + 2>/dev/null
  umount -l "$W/bpf" "$W/run" 2>/dev/null
  exit "$status"
}

# A busybox root: static binary, links as an image has them.
rootfs() {
  local r=$1 busybox applet
  busybox=$(command -v busybox) || skip_all "busybox is not installed"
  mkdir -p "$r"/{bin,sbin,usr/bin,usr/sbin,usr/games,etc,proc,dev,sys,tmp,marks,data,lib,denied}
  cp "$busybox" "$r/bin/busybox"
  for applet in $("$r/bin/busybox" --list); do
    [ -e "$r/bin/$applet" ] || ln -s busybox "$r/bin/$applet"
  done
  echo 'root:x:0:0:root:/:/bin/sh' >"$r/etc/passwd"
  echo 'root:x:0:' >"$r/etc/group"
  cp "$BIN/tests/probe" "$r/usr/bin/probe"
  cp "$BIN/tests/probe" "$r/denied/probe"
}

write_config() {
  cat >"$W/usher.toml" <<T
[agent]
run_dir = "$W/run"
state_dir = "$W/state"
hook_socket = "$W/run/hook.sock"
admin_socket = "$W/run/admin.sock"

[enforcement]
backend = "${USHER_BACKEND:-auto}"
pins = "$W/bpf/usher"

[policies]
directory = "$W/policy.d"
allow_empty = true

[adapters]
directory = "$ADAPTERS"
select = ["cri-o"]

[log]
format = "json"
T
}

policy() { cat >"$W/policy.d/$1.toml"; }

# The policy of tests that are not about policies; SELECT: a line of its selector.
deny_programs() { # deny_programs NAME [SELECT [ACTION]]
  local select=${2:-'namespaces = ["payments"]'}
  policy "$1" <<T
[policy]
name = "$1"
[select]
$select
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/"]
action = "${3:-deny}"
T
}

ctl() { "$BIN/usherctl" --socket "$W/run/admin.sock" "$@"; }

agent_start() { # AGENT_ARGS: more arguments
  # shellcheck disable=SC2086
  "$BIN/usherd" ${AGENT_ARGS:-} --config "$W/usher.toml" >>"$W/usherd.log" 2>&1 </dev/null &
  AGENT=$!
  if ! wait_for 60 ctl status; then
    echo "# the agent did not come up:"
    tail -n 20 "$W/usherd.log" | sed 's/^/# /'
    return 1
  fi
  BACKEND=$(ctl status --json | sed -n 's/.*"backend": *"\([a-z]*\)".*/\1/p' | head -1)
}

need_agent() { agent_start || { not_ok "the agent starts"; finish; }; }
need_lsm() { [ "$BACKEND" = lsm ] || skip_all "this kernel takes no LSM programs"; }

agent_signal() {
  [ -n "${AGENT:-}" ] || return 0
  kill "-$1" "$AGENT" 2>/dev/null
  wait "$AGENT" 2>/dev/null
  AGENT=
}
agent_stop() { agent_signal TERM; }
agent_kill() { agent_signal KILL; }

hook_args() { # hook_args STAGE
  printf '"usher-hook","%s","--runtime","%s","--socket","%s","--timeout","%s","--spool","%s"' "$1" \
    "${HOOK_RUNTIME:-podman}" "$W/run/hook.sock" "${HOOK_TIMEOUT:-10000}" "$W/run/failed-open"
  local extra
  for extra in ${HOOK_EXTRA:-}; do printf ',"%s"' "$extra"; done
}

# One hook object of config.json: our binary with its stage.
our_hook() {
  printf '{"path":"%s","args":[%s],"env":["PATH=/usr/bin:/bin"],"timeout":%s}' "$BIN/usher-hook" \
    "$(hook_args "$1")" "${HOOK_JSON_TIMEOUT:-20}"
}

# BEFORE_*, AFTER_*: hook objects of others around ours (promise 2). MOUNTS, CAPS, USERNS: extras.
bundle() {
  local name=$1 namespace=$2 pod=$3 container=$4 labels= args= a b=$W/bundles/$1
  shift 4
  while [ "${1:-}" != -- ]; do
    labels+=",\"usher.io/label.${1%%=*}\":\"${1#*=}\""
    shift
  done
  shift
  for a in "$@"; do args+=",\"$a\""; done
  mkdir -p "$b"
  local caps='"CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_SETGID","CAP_SETUID","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_KILL","CAP_SYS_CHROOT","CAP_MKNOD"'
  [ -z "${CAPS:-}" ] || caps+=",$CAPS"
  cat >"$b/config.json" <<J
{"ociVersion":"1.0.2",
 "process":{"terminal":false,"user":{"uid":${RUN_UID:-0},"gid":0},"args":[${args#,}],"cwd":"${CWD:-/}",
  "env":["PATH=/bin:/usr/bin:/sbin","HOME=/"],
  "capabilities":{"bounding":[$caps],"effective":[$caps],"permitted":[$caps]},"noNewPrivileges":false},
 "root":{"path":"${BUNDLE_ROOT:-$W/rootfs}","readonly":${READONLY:-false}},"hostname":"test",
 "annotations":{"io.kubernetes.pod.namespace":"$namespace","io.kubernetes.pod.name":"$pod",
  "io.kubernetes.container.name":"$container"${POD_UID:+,\"io.kubernetes.pod.uid\":\"$POD_UID\"}$labels${ANNOTATIONS:-}},
 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]},
  {"destination":"/marks","type":"bind","source":"$W/marks","options":["bind","rw"]}${MOUNTS:-}],
 "hooks":{"createRuntime":[${BEFORE_RUNTIME:-}$(our_hook createRuntime)${AFTER_RUNTIME:-}],
  "createContainer":[${CREATE_CONTAINER:-}],
  "startContainer":[${START_CONTAINER:-}],
  "poststart":[${POST_START:-}],
  "poststop":[$(our_hook poststop)]},
 "linux":{"cgroupsPath":"/usher-test-$$/$name",
  "namespaces":[{"type":"mount"},{"type":"pid"},{"type":"ipc"},{"type":"uts"}${NETNS:-,{\"type\":\"network\"\}}]}}
J
}

run() { # run RUNTIME NAME
  local runtime=$1 name=$2
  "$runtime" --root "$W/state.$runtime" run --bundle "$W/bundles/$name" "$name" \
    >"$W/out/$name" 2>&1 </dev/null
}

run_detached() { # run_detached RUNTIME NAME
  local runtime=$1 name=$2
  "$runtime" --root "$W/state.$runtime" run -d --bundle "$W/bundles/$name" "$name" \
    >"$W/out/$name" 2>&1 </dev/null
}

exec_in() { # exec_in RUNTIME NAME ARG…; EXEC_USER: uid, else the runtime's choice (crun: root)
  local runtime=$1 name=$2
  shift 2
  "$runtime" --root "$W/state.$runtime" exec ${EXEC_USER:+--user "$EXEC_USER:0"} "$name" "$@" \
    >"$W/out/$name.exec" 2>&1 </dev/null
}

delete() { "$1" --root "$W/state.$1" delete -f "$2" >/dev/null 2>&1; }

# The runtime that shows its user what a failing hook said (crun 1.8 keeps it to itself; the hook
# writes to the system log as well).
telling() { command -v runc || runtimes | tail -1; }

# The runtimes that are here; each test runs with every one of them.
runtimes() {
  local r
  for r in ${USHER_RUNTIMES:-runc crun}; do command -v "$r" >/dev/null && echo "$r"; done
}
