#!/bin/bash
# tests: both
# timeout: 600
# A denial of a program holds by whatever name it is asked for: link, hard link, the file itself,
# absolute, relative, through .., as a script's interpreter; in busybox images and in images whose
# /bin is a link into /usr. Deep trees and odd bytes in names.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"

policy names <<'T'
[policy]
name = "names"
[select]
namespaces = ["payments"]
[[rule]]
name = "no-shell"
on = "exec"
paths = ["/bin/dash", "*/nc", "/opt/tools/", "/usr/bin/py*"]
except = ["/opt/tools/good"]
action = "deny"
T
[ "${USHER_BACKEND:-auto}" = tracepoint ] || cat >"$W/lsm-only.toml" <<'T'
[policy]
name = "files"
degrade = true
[select]
namespaces = ["payments"]
[[rule]]
name = "secret"
on = "read"
paths = ["/data/secret/", "/data/odd\\x01\\xff \\x27name"]
action = "deny"
T
# One rule that names a file for every byte that a name can hold.
hexes=$(for ((i = 1; i < 256; i++)); do [ $i -eq 47 ] || printf '%02x ' $i; done)
{
  cat <<'T'
[policy]
name = "bytes"
degrade = true
[select]
namespaces = ["payments"]
[[rule]]
name = "each-byte"
on = "read"
action = "deny"
paths = [
T
  for hex in $hexes; do echo "\"/data/bytes/\\\\x${hex}x\","; done
  echo ']'
} >"$W/policy.d/bytes.toml"
cp "$W/lsm-only.toml" "$W/policy.d/files.toml" 2>/dev/null
need_agent

merged=$W/merged
rootfs "$merged"
mkdir -p "$merged/usr/bin" && cp -a "$merged"/bin/* "$merged/usr/bin/" && rm -rf "$merged/bin" && ln -s usr/bin "$merged/bin"

for image in "$W/rootfs" "$merged"; do
  b=$image/bin/
  cp "$image/usr/bin/probe" "$b/dash"        # the file itself
  ln -f "$b/dash" "$image/usr/games/harmless" # a hard link
  ln -sf dash "$b/sh2"                       # a link whose target is ruled
  cp "$image/usr/bin/probe" "$image/usr/sbin/other"
  ln -sf other "$image/usr/sbin/nc"          # a ruled name whose target is not
  mkdir -p "$image/opt/tools"
  cp "$image/usr/bin/probe" "$image/opt/tools/bad"
  cp "$image/usr/bin/probe" "$image/opt/tools/good"
  cp "$image/usr/bin/probe" "$image/usr/bin/python3.11"
  printf '#!/bin/dash script\n' >"$image/data/script"
  printf '#!/usr/bin/probe script\n' >"$image/data/good-script"
  chmod +x "$image/data/script" "$image/data/good-script"
done

rt=$(runtimes | tail -1)
try() { # try EXPECT TEXT ARG…: runs in the container; the mark tells whether it ran
  local expect=$1 text=$2
  shift 2
  rm -f "$W/marks/it"
  exec_in "$rt" "$c" "$@"
  if [ "$expect" = denied ]; then
    check "$label: $text is denied" test ! -e "$W/marks/it"
  else
    check "$label: $text runs" test -e "$W/marks/it"
  fi
}

for image in plain merged; do
  label=$image c=names-$image
  [ $image = plain ] && BUNDLE_ROOT=$W/rootfs || BUNDLE_ROOT=$merged
  bundle "$c" payments names main -- /usr/bin/probe sleep
  check "$label: the container runs" run_detached "$rt" "$c"
  m="mark /marks/it"
  try denied "/bin/dash" /bin/dash $m
  try denied "a link to it" /bin/sh2 $m
  try denied "a relative name" /usr/bin/probe chroot / /bin/sh -c "cd /bin && ./dash $m"
  try denied "a relative name from elsewhere" /bin/sh -c "cd /etc && ../bin/dash $m"
  try denied "a name through .." /usr/../bin/./dash $m
  try denied "doubled slashes" //bin//dash $m
  try denied "/proc/self/root" /proc/self/root/bin/dash $m
  try denied "a script's interpreter" /data/script /marks/it
  try denied "a base name whose target is another" /usr/sbin/nc $m
  try denied "a directory's member" /opt/tools/bad $m
  try denied "a prefix" /usr/bin/python3.11 $m
  try ran "an exception" /opt/tools/good $m
  try ran "a script with an allowed interpreter" /data/good-script /marks/it
  try ran "the other name of the base rule's target" /usr/sbin/other $m
  if [ $image = merged ]; then
    try denied "the merged name" /usr/bin/dash $m
  fi
  delete "$rt" "$c"
done

# Deep trees and odd bytes need the file hooks.
if [ "$BACKEND" = lsm ]; then
  label=files c=files
  mkdir -p "$W/rootfs/data/secret"
  deep=$W/rootfs/data/secret
  mkdir -p "$deep/$(printf "d/%.0s" $(seq 200))" && echo x >"$deep/$(printf "d/%.0s" $(seq 200))file"
  odd=$(printf 'odd\001\377 \047name')
  echo x >"$W/rootfs/data/$odd"
  echo x >"$W/rootfs/data/plain"
  mkdir -p "$W/rootfs/data/bytes"
  for hex in $hexes; do
    printf -v name '%b' "\\x$hex"
    echo x >"$W/rootfs/data/bytes/${name}x"
    echo x >"$W/rootfs/data/bytes/${name}y"
  done
  BUNDLE_ROOT=$W/rootfs bundle files payments files main -- /usr/bin/probe sleep
  check "files: the container runs" run_detached "$rt" files
  check "200 levels under a ruled directory are denied" test "$(exec_in "$rt" files /usr/bin/probe deep /data/secret 200 r; echo $?)" = 1
  check "a name of odd bytes is denied" test "$(exec_in "$rt" files /usr/bin/probe open "/data/$odd" r; echo $?)" = 1
  check "every byte that a name can hold is told from its neighbour" test "$(exec_in "$rt" files /usr/bin/probe bytes /data/bytes; echo $?)" = 1
  check "its neighbour is not" exec_in "$rt" files /usr/bin/probe open /data/plain r
  delete "$rt" files
else
  skip_part "deep trees and odd names: the $BACKEND backend has no file rules"
fi
finish
