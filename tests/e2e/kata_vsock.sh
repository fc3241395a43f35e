#!/bin/bash
# tests: vm
# timeout: 300
# Virtual machines whose vsock has a context id of its own, as QEMU's: the relay listens on AF_VSOCK,
# and whose id a caller has is read from the command line and the cgroup of the process that has the
# device. The devices are real (vhost-vsock, of this kernel), and so are the listener, the ids, the
# cgroups and the hook; vsock_machine stands for QEMU and its guest's kernel, and nri_says for
# containerd.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
[ -n "${USHER_IN_VM:-}" ] || skip_all "only in a guest: a machine's own AF_VSOCK is left alone"
world "$@"
# shellcheck source=../vm/kata/lib.sh
. "$ROOT/tests/vm/kata/lib.sh"
modprobe vhost_vsock && modprobe vsock_loopback || skip_all "this kernel has no vhost_vsock"

MACHINES=()
unload() { # keeps the exit code
  local status=$?
  agent_stop
  for process in "${MACHINES[@]}"; do kill -9 "$process" && wait "$process"; done 2>/dev/null
  # Other tests know this kernel without a vsock.
  for module in vhost_vsock vsock_loopback vsock; do modprobe -r $module 2>/dev/null; done
  return "$status"
}
trap 'unload; world_end' EXIT
id() { printf "%064d" "$1"; }

machine() { # machine NUMBER CID: the one of sandbox NUMBER; its guest's programs call $W/NUMBER.vsock
  mkdir -p "$CG/kata_$(id "$1")"
  sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$CG/kata_$(id "$1")" "$BIN/tests/vsock_machine" \
    "$W/$1.vsock" 4051 -device "vhost-vsock-pci,guest-cid=$2" >"$W/out/machine$1" 2>&1 &
  MACHINES+=($!)
  wait_for 5 grep -q ready "$W/out/machine$1" || not_ok "machine $1: $(cat "$W/out/machine$1")"
  kata_hooks "$W/hooks$1" "relay = unix:$W/$1.vsock" "deadline = 1900ms"
}
# The hook, in that machine, for a container whose process sleeps; is that let go?
let_go() { # let_go MACHINE CONTAINER
  local target
  sleep 1000 &
  target=$!
  printf '{"ociVersion":"1.2.1","id":"%s","status":"created","pid":%d}' "$2" $target |
    env -i "$W/hooks$1/prestart/usher-hook" prestart 2>"$W/out/hook"
  # What the hook has sent before it ended comes first.
  kill -TERM $target
  wait $target 2>/dev/null
  [ $? = 143 ]
}
killed() { ! let_go "$@" && grep -q "process was killed" "$W/out/hook"; }
tell() {
  echo "$*" >&"$NRI_IN"
  read -r -t 10 answer <&"$NRI_OUT" && [ "$answer" = told ] || not_ok "the agent hears: $*"
}
dial() { "$BIN/tests/kata_dial" "unix:$W/$1.vsock" "${@:2}" >"$W/out/dial" 2>&1; }
said() { grep -q "$1" "$W/usherd.log"; }

mkdir -p "$CG"
sed -i 's/^select = .*/select = ["containerd", "kata"]/' "$W/usher.toml"
cat >>"$W/usher.toml" <<T
[adapters.containerd]
mode = "nri"
nri.socket = "$W/nri.sock"
cri.socket = "$W/cri.sock"
kata_handlers = ["kata"]
[adapters.kata]
vsock = true
sandboxes = ["$W/sandboxes/{sandbox}/kata.hvsock"]
run_dir = "$W/run"
T
nri_start() { # for an agent that runs
  coproc NRI { exec "$BIN/tests/nri_says" "$W/nri.sock" 2>>"$W/out/nri"; }
  # bash forgets these when the program has ended.
  NRI_IN=${NRI[1]} NRI_OUT=${NRI[0]} NRI_SAYS=$NRI_PID
  read -r -t 30 answer <&"$NRI_OUT" && [ "$answer" = ready ] && return
  not_ok "the agent takes NRI: $(cat "$W/out/nri")"
  finish
}
need_agent
nri_start
machine 1 5
machine 2 6
tell pod "$(id 1)" payments pay-0
tell pod "$(id 2)" open web-0
tell container "$(id 1)" "$(id 11)" main
tell container "$(id 1)" "$(id 12)" side
tell container "$(id 2)" "$(id 21)" main

check "a claim over a guest's own vsock is granted" let_go 1 "$(id 11)"
check "once" killed 1 "$(id 11)"
check "a container of another machine is not let go" killed 2 "$(id 12)"
check "nor one that nobody made" killed 2 "$(id 22)"
check "the second machine's own is, at the same time" let_go 2 "$(id 21)"
kata_hooks "$W/hooks0" "relay = vsock:4051" "deadline = 1900ms"
check "a process of the host's, which has no guest's context id, is not heard" killed 0 "$(id 12)"
check "and that is told" said 'vsock context id 1 is no guest'
check "what is no frame ends the connection" dial 1 oversize
check "which the host is told" wait_for 5 said '"guest-protocol"'

# A context id on more command lines: of a process in the other sandbox, and of one in a container.
sh -c 'echo $$ >"$0/cgroup.procs" && exec -a x,guest-cid=5 sleep 1000' "$CG/kata_$(id 2)" &
MACHINES+=($!)
check "who else has the id on its command line does not get the sandbox" let_go 1 "$(id 12)"
agent_kill
tell_again() { # to an agent that starts anew
  exec {NRI_IN}>&-
  wait "$NRI_SAYS"
  need_agent
  nri_start
  tell pod "$(id 1)" payments pay-0
  tell container "$(id 1)" "$(id 13)" late
}
tell_again
check "and an agent that has to choose between two hears neither" killed 1 "$(id 13)"
check "and says so" said 'vsock context id 5 is on the command lines of'
{ kill -9 "${MACHINES[2]}" && wait "${MACHINES[2]}"; } 2>/dev/null
# The relay looks for a stranger now and then only.
check "with one of them gone claims are answered again" wait_for 5 let_go 1 "$(id 13)"

# The machine ends, and its context id is given to the next.
tell pod "$(id 3)" open web-1
tell container "$(id 1)" "$(id 14)" last
tell container "$(id 3)" "$(id 31)" main
{ kill -9 "${MACHINES[0]}" && wait "${MACHINES[0]}"; } 2>/dev/null
machine 3 5
check "a context id that is used again is the new sandbox's" let_go 3 "$(id 31)"
check "and not the old one's" killed 3 "$(id 14)"
tell pod "$(id 4)" open web-2
tell container "$(id 4)" "$(id 41)" main
machine 4 7
dial 4 hello
check "a guest's agent gets its session over it" test $? = 1
check "and claims beside it are refused" killed 4 "$(id 41)"
finish
