#!/bin/bash
# guest.sh RELAY-LINE: what happens inside the guest, with whatever answers claims on the host.
# Specifications are in $SPECS: NAME.json and NAME.id.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BIN=${BIN:-/usher/bin}
# shellcheck source=tests/vm/kata/lib.sh
. "$here/lib.sh"
W=/run/kata-test
mkdir -p $W/rootfs/{bin,proc,dev,marks}
cp "$(command -v busybox)" $W/rootfs/bin/busybox
for applet in sh touch sleep cat; do ln -s busybox $W/rootfs/bin/$applet; done

ok() { echo "ok guest: $*"; }
not_ok() { echo "not ok guest: $*"; echo "# last answer: ${ANSWER:-}"; tail -n 4 $W/agent.log | sed 's/^/# agent: /'; }
check() { local text=$1; shift; if "$@"; then ok "$text"; else not_ok "$text"; fi; }
id() { cat "$SPECS/$1.id"; }
create() { kata create "$(id "$1")" "$SPECS/$1.json"; }
marked() { [ -e "$W/rootfs/marks/$1" ]; }

kata_hooks $W/hooks "$1" "deadline = 1900ms"
kata_agent_start $W/rootfs /run/kata-containers /sys/fs/cgroup $W/agent.log
check "the agent finds the three hooks" eval 'kata sandbox $W/hooks && [ "$ANSWER" = "ok 3 hooks" ]'
check "the pause container runs" eval 'create pause && kata start $(id pause)'
for name in denied; do
  check "a refused container is not created" eval '! create '$name
  check "its process died by SIGKILL" [ "${ANSWER%signal 9)}" != "$ANSWER" ]
  check "its program did not run" eval '! marked '$name
done
check "an allowed container is created" create allowed
check "it runs" eval 'kata start $(id allowed) && kata wait $(id allowed) && [ "$ANSWER" = "ok exit 0" ]'
check "its program ran" marked allowed
kata_agent_stop
