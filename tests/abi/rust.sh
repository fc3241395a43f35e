#!/bin/bash
# rust.sh BUILD SOURCE: an adapter in Rust is built by the compiler alone, keeps every rule, and
# lives in a host of version 1.0.
set -u
build=$1 source=$2
rustc=$(command -v /usr/bin/rustc || command -v rustc) || { echo "SKIPPED: rustc is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$rustc" --edition 2021 --crate-type cdylib -C panic=abort -C opt-level=1 -o "$work/rusty.so" \
  "$source/tests/abi/adapters/feed.rs" || { echo "not ok it is built"; exit 1; }
echo "ok it is built by $("$rustc" --version)"
"$build/bin/usherctl" adapter check --trust-any-owner "$work/rusty.so" >"$work/out" 2>&1 &&
  grep -q '^passed *feed' "$work/out" && grep -q '^passed *identify' "$work/out" || {
  echo "not ok it breaks no rule, feeds and identifies"
  sed 's/^/# /' "$work/out"
  exit 1
}
echo "ok it breaks no rule, feeds and identifies"
"$build/bin/tests/abi_old_host" "$work/rusty.so" >"$work/out" 2>&1 || {
  echo "not ok it lives in a host of version 1.0"
  sed 's/^/# /' "$work/out"
  exit 1
}
echo "ok it lives in a host of version 1.0"
