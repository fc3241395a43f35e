#!/bin/bash
# conformance.sh BUILD SOURCE: `usherctl adapter check` as authors use it: exit codes, JSON, the
# adapters that are shipped and the example of the tutorial.
set -u
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
ctl=$build/bin/usherctl

# expect CODE TEXT COMMAND…
expect() {
  local code=$1 text=$2
  shift 2
  "$@" >"$work/out" 2>&1
  local got=$?
  if [ $got = "$code" ]; then
    echo "ok $text"
  else
    echo "not ok $text"
    sed 's/^/# /' "$work/out" | head -25
    failed=1
  fi
}

expect 0 "cri-o.so breaks no rule" "$ctl" adapter check --trust-any-owner "$build/adapters/cri-o.so"
expect 0 "containerd.so breaks no rule" "$ctl" adapter check --trust-any-owner \
  "$build/adapters/containerd.so" --set nri.socket="$work/nri.sock" --set cri.socket="$work/cri.sock"
expect 0 "kata.so breaks no rule" "$ctl" adapter check --trust-any-owner "$build/adapters/kata.so" \
  --set "sandboxes=$work/kata/{sandbox}/v.sock" --set run_dir="$work"
cc -Wall -shared -fPIC -fvisibility=hidden -I"$source/core/include" -o "$work/files.so" \
  "$source/examples/adapter-c/files.c" || { echo "not ok the example is built"; exit 1; }
mkdir "$work/files"
echo '{"namespace": "shop", "pod": "web-0", "container": "main", "pid": "1", "label.app": "web"}' \
  >"$work/files/c1.json"
expect 0 "the example of the tutorial breaks no rule" "$ctl" adapter check --trust-any-owner \
  "$work/files.so" --set directory="$work/files"
for good in minimal_c newer; do
  expect 0 "$good.so breaks no rule" "$ctl" adapter check --trust-any-owner \
    "$build/test-adapters/$good.so"
done
for bad in broken:load short:load twice:identify mute:life talkative:life; do
  expect 1 "${bad%:*}.so is found out" "$ctl" adapter check --trust-any-owner --rule "${bad#*:}" \
    "$build/test-adapters/${bad%:*}.so"
done
expect 2 "a rule that is not there is bad input" "$ctl" adapter check --trust-any-owner --rule lief \
  "$build/test-adapters/minimal_c.so"
grep -q 'leaves-nothing' "$work/out" && echo "ok and the rules are named" ||
  { echo "not ok and the rules are named"; failed=1; }
expect 2 "a file that is not there is bad input" "$ctl" adapter check /nonexistent.so
"$ctl" adapter check --json --trust-any-owner "$build/test-adapters/broken.so" >"$work/json"
if grep -q '"ok": false' "$work/json" && grep -q '"rule": "load"' "$work/json" &&
  grep -q '"verdict": "failed"' "$work/json"; then
  echo "ok the report is JSON where asked for"
else
  echo "not ok the report is JSON where asked for"
  failed=1
fi
exit $failed
