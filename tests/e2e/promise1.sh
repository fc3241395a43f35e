#!/bin/bash
# tests: both
# timeout: 900
# Promise 1: no instruction of a covered container's program runs before its profile is in the
# kernel. COUNT containers whose entrypoint is denied and would leave a mark: no mark. And the
# reverse: as many allowed ones, every mark is there.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"

# Software emulation runs the runtimes some 30 times slower than the machine itself.
if [ -n "${USHER_IN_VM:-}" ]; then COUNT=${COUNT:-200}; else COUNT=${COUNT:-1000}; fi

policy no-denied <<'T'
[policy]
name = "no-denied"
[select]
namespaces = ["payments"]
pod_labels = { app = "api" }
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/"]
action = "deny"
T
need_agent

mapfile -t RT < <(runtimes)
[ ${#RT[@]} -gt 0 ] || skip_all "neither runc nor crun is installed"

# Go's runc costs three times what crun does: one container in four is runc's.
runtime_of() { if [ $(($1 % 4)) -eq 0 ]; then echo "${RT[0]}"; else echo "${RT[-1]}"; fi; }

storm() { # storm PREFIX NAMESPACE FROM STEP
  local i name
  for ((i = $3; i < COUNT; i += $4)); do
    name=$1-$i
    bundle "$name" "$2" "api-$i" main app=api -- /denied/probe mark "/marks/$name"
    run "$(runtime_of "$i")" "$name"
    echo $? >"$W/out/$name.status"
    rm -rf "${W:?}/bundles/$name"
  done
}
pair() {
  storm "$1" "$2" 0 2 &
  local other=$!
  storm "$1" "$2" 1 2
  wait "$other"
}
count() { find "$W/marks" -name "$1-*" | wc -l; }

# why_not PREFIX: what a container that did not run as it should is known by. A denied one that was
# killed in the kernel says nothing; what its runtime said means that it never came so far.
why_not() {
  local name shown=0
  for ((i = 0; i < COUNT && shown < 5; i++)); do
    name=$1-$i
    [ ! -e "$W/marks/$name" ] || continue
    [ "$1" != denied ] || [ -s "$W/out/$name" ] || continue
    shown=$((shown + 1))
    echo "# $name, status $(cat "$W/out/$name.status"): $(head -c 400 "$W/out/$name" | tr '\n' ' ')"
    grep -h -- "\"$name\"" "$W/usherd.log" | cut -c1-400 | sed 's/^/# usherd: /'
  done
  ctl status --json | tr -d '\n ' | sed 's/.*"counters"/# counters/; s/}.*//'
  echo
}

pair denied payments
marks=$(count denied)
zeros=$(grep -lx 0 "$W"/out/denied-*.status 2>/dev/null | wc -l)
if [ "$marks" -eq 0 ] && [ "$zeros" -eq 0 ]; then
  ok "$COUNT denied entrypoints, ${RT[*]}, $BACKEND: 0 marks"
else
  not_ok "$COUNT denied entrypoints: $marks marks, $zeros exit statuses of 0"
fi
events=$(ctl status --json | sed -n 's/.*"armed": *\([0-9]*\).*/\1/p' | head -1)
if [ "${events:-0}" -ge "$COUNT" ]; then
  ok "each was armed in the kernel ($events)"
else
  not_ok "only ${events:-0} of $COUNT were armed: the marks prove nothing"
  why_not denied
fi

pair allowed shop
marks=$(count allowed)
if [ "$marks" -eq "$COUNT" ]; then
  ok "$COUNT allowed entrypoints: $COUNT marks, no false denial"
else
  not_ok "$COUNT allowed entrypoints: $marks marks"
  why_not allowed
fi
check "no workload is left behind" wait_for 30 sh -c "[ \"\$('$BIN/usherctl' --socket '$W/run/admin.sock' workloads --json | grep -c '\"slot\"')\" -eq 0 ]"
finish
