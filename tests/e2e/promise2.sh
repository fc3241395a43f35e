#!/bin/bash
# tests: both
# timeout: 300
# Promise 2: init, app and exec'ed processes are covered; the runtime's own setup and other people's
# createRuntime and createContainer hooks are not mistaken for the workload; startContainer hooks,
# which run inside the container's root, are the workload's.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"

policy lockdown <<'T'
[policy]
name = "lockdown"
[select]
namespaces = ["payments"]
[[rule]]
name = "only-these"
on = "exec"
paths = ["/denied/", "*/mark"]
action = "deny"
T
# A program that leaves a mark on the host when it runs, under a name that the policy denies.
mkdir -p "$W/hooks"
cat >"$W/hooks/mark" <<S
#!/bin/sh
cat >/dev/null
echo ran >>"$W/marks/\$1"
S
chmod +x "$W/hooks/mark"
need_agent

other() { printf '{"path":"%s","args":["mark","%s"],"env":["PATH=/usr/bin:/bin"]}' "$W/hooks/mark" "$1"; }
inside() { printf '{"path":"%s","args":["probe","mark","/marks/%s"]}' "$1" "$2"; }

for rt in $(runtimes); do
  # 1. Hooks of others, before and after ours, under names that the policy denies.
  BEFORE_RUNTIME="$(other "$rt-before")," AFTER_RUNTIME=",$(other "$rt-after")" \
    CREATE_CONTAINER="$(other "$rt-create")" \
    bundle "$rt-hooks" payments hooks main -- /usr/bin/probe mark "/marks/$rt-app"
  check "$rt: a container with other people's hooks runs" run "$rt" "$rt-hooks"
  for mark in before after create app; do
    check "$rt: $mark ran" test -e "$W/marks/$rt-$mark"
  done
  delete "$rt" "$rt-hooks"

  # 2. A startContainer hook runs in the container's root: it is judged.
  START_CONTAINER="$(inside /denied/probe "$rt-start")" \
    bundle "$rt-start" payments start main -- /usr/bin/probe mark "/marks/$rt-start-app"
  run "$rt" "$rt-start"
  check "$rt: a denied startContainer hook leaves no mark" test ! -e "$W/marks/$rt-start"
  delete "$rt" "$rt-start"
  START_CONTAINER="$(inside /usr/bin/probe "$rt-start2")" \
    bundle "$rt-start2" payments start main -- /usr/bin/probe mark "/marks/$rt-start2-app"
  check "$rt: an allowed startContainer hook runs" run "$rt" "$rt-start2"
  check "$rt: and leaves its mark" test -e "$W/marks/$rt-start2"
  delete "$rt" "$rt-start2"

  # 3. exec into a running container.
  bundle "$rt-exec" payments exec main -- /usr/bin/probe sleep
  check "$rt: a container runs detached" run_detached "$rt" "$rt-exec"
  exec_in "$rt" "$rt-exec" /denied/probe mark "/marks/$rt-exec-denied"
  check "$rt: exec of a denied program leaves no mark" test ! -e "$W/marks/$rt-exec-denied"
  check "$rt: exec of an allowed one works" exec_in "$rt" "$rt-exec" /usr/bin/probe mark "/marks/$rt-exec"
  check "$rt: and leaves its mark" test -e "$W/marks/$rt-exec"
  exec_in "$rt" "$rt-exec" /bin/sh -c "/denied/probe mark /marks/$rt-exec-child"
  check "$rt: a child of an exec'ed shell is covered" test ! -e "$W/marks/$rt-exec-child"
  delete "$rt" "$rt-exec"
done
finish
