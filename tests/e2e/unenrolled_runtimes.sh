#!/bin/bash
# tests: both
# timeout: 900
# What unenrolled = audit and deny do to containers of real runtimes in a pod's cgroup that nobody
# enrolled: their programs and nothing of the runtime's own setup; and whom they leave alone.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"

POD=/usher-test-$$/kubepods/besteffort/pod11111111-1111-4222-8333-444444444444
deny_programs no-denied
cp "$BIN/tests/probe" "$W/rootfs/pause"
answer() { # answer WORD: the agent starts anew with it, and it is in force
  agent_stop
  sed -i -e '/^unenrolled = /d' -e "s/^pins = .*/&\nunenrolled = \"$1\"/" "$W/usher.toml"
  need_agent
  wait_for 60 in_force "$1" || not_ok "unenrolled = $1 comes into force"
}
in_force() { ctl status --json | grep -q "\"unenrolled\": *\"$1\""; }
other_hook() { printf '{"path":"/bin/sh","args":["sh","-c","exec cat >/dev/null"],"env":["PATH=/bin:/usr/bin"]}'; }
# A container that no hook of ours is told of, in a pod's cgroup or in the one given.
unknown() { # unknown NAME [CGROUP] -- ARG…
  local name=$1 cgroup=$POD/$1
  [ "$2" = -- ] || { cgroup=$2/$1; shift; }
  shift 2
  (
    our_hook() { other_hook; }
    CREATE_CONTAINER=$(other_hook) bundle "$name" payments "$name" main -- "$@"
  )
  sed -i "s|\"cgroupsPath\":\"[^\"]*\"|\"cgroupsPath\":\"$cgroup\"|" "$W/bundles/$name/config.json"
}
known() { # known NAME -- ARG…
  POD_UID=${POD##*/pod} bundle "$1" payments "$1" main "${@:2}"
  sed -i "s|\"cgroupsPath\":\"[^\"]*\"|\"cgroupsPath\":\"$POD/$1\"|" "$W/bundles/$1/config.json"
}
marked() { [ -e "$W/marks/$1" ]; }
mark_of() { printf '%s\n' /usr/bin/probe mark "/marks/$1"; }
verdict_of() { # verdict_of VERDICT NAME: an event that names pod and container
  grep '"event":"verdict"' "$W/usherd.log" | grep -F "nobody enrolled" | grep -F "\"verdict\":\"$1\"" |
    grep -F '"pod_uid":"11111111-1111-4222-8333-444444444444"' | grep -qF "\"container_id\":\"$2\""
}

for rt in $(runtimes); do
  answer allow
  unknown "old-$rt" -- /usr/bin/probe sleep
  check "$rt, allow: what nobody enrolled runs" run_detached "$rt" "old-$rt"
  exec_in "$rt" "old-$rt" /usr/bin/probe mark "/marks/$rt-allow"
  check "$rt, allow: and so does what is put into it" marked "$rt-allow"

  answer audit
  mapfile -t words < <(mark_of "$rt-audit")
  unknown "audit-$rt" -- "${words[@]}"
  run "$rt" "audit-$rt"
  check "$rt, audit: it runs" marked "$rt-audit"
  check "$rt, audit: and is told, with pod and container" wait_for 30 verdict_of would-deny "audit-$rt"

  answer deny
  mapfile -t words < <(mark_of "$rt-deny")
  unknown "deny-$rt" -- "${words[@]}"
  run "$rt" "deny-$rt" && not_ok "$rt, deny: its start is a success"
  check "$rt, deny: it is told" wait_for 30 verdict_of deny "deny-$rt"
  marked "$rt-deny" && not_ok "$rt, deny: it ran" || ok "$rt, deny: it does not run"
  exec_in "$rt" "old-$rt" /usr/bin/probe mark "/marks/$rt-old"
  marked "$rt-old" && not_ok "$rt, deny: exec into what was never enrolled ran" ||
    ok "$rt, deny: nothing is put into what was never enrolled"

  mapfile -t words < <(mark_of "$rt-outside")
  unknown "outside-$rt" "/usher-test-$$" -- "${words[@]}"
  run "$rt" "outside-$rt"
  check "$rt, deny: a container that is no pod's runs" marked "$rt-outside"

  known "known-$rt" -- /usr/bin/probe sleep
  check "$rt, deny: an enrolled container runs" run_detached "$rt" "known-$rt"
  exec_in "$rt" "known-$rt" /usr/bin/probe mark "/marks/$rt-known"
  check "$rt, deny: and so does what is put into it" marked "$rt-known"

  unknown "pause-$rt" -- /pause sleep
  check "$rt, deny: a pause program runs" run_detached "$rt" "pause-$rt"
  unknown "sly-$rt" -- /pause exec /usr/bin/probe mark "/marks/$rt-sly"
  run "$rt" "sly-$rt"
  marked "$rt-sly" && not_ok "$rt, deny: a program named /pause ran another" ||
    ok "$rt, deny: a program named /pause runs no other"

  agent_kill
  mapfile -t words < <(mark_of "$rt-dead")
  unknown "dead-$rt" -- "${words[@]}"
  run "$rt" "dead-$rt"
  unknown "pause-dead-$rt" -- /pause sleep
  check "$rt, agent dead: a pause program runs" run_detached "$rt" "pause-dead-$rt"
  exec_in "$rt" "known-$rt" /usr/bin/probe mark "/marks/$rt-known-dead"
  check "$rt, agent dead: an enrolled container goes on" marked "$rt-known-dead"
  need_agent
  check "$rt, agent dead: what nobody enrolled is told when it is back" wait_for 30 verdict_of deny "dead-$rt"
  marked "$rt-dead" && not_ok "$rt, agent dead: it ran" || ok "$rt, agent dead: it does not run"
  check "$rt: usherctl counts both" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' status |
    tee '$W/status' | grep -q 'unenrolled pods: deny (met by [1-9]' && grep -q 'pause_programs [1-9]' '$W/status'"
  check "$rt: usherctl explain says so" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' explain unenrolled exec /bin/sh | grep -qi deny"
  ctl mode audit >/dev/null
  mapfile -t words < <(mark_of "$rt-mode")
  unknown "mode-$rt" -- "${words[@]}"
  run "$rt" "mode-$rt"
  check "$rt: the node's audit mode lets it run" marked "$rt-mode"
  ctl mode enforce >/dev/null
  for name in old audit deny outside known pause sly dead pause-dead mode; do delete "$rt" "$name-$rt"; done
done
finish
