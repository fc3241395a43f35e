#!/bin/bash
# tests: vm
# timeout: 800
# Rarer attempts to shed rules than shed.sh's: volumes under other names, mounts over ruled and over
# allowed directories, descriptors instead of names, other ways into an exec, asynchronous calls, the
# kernel's maps, tracing a runtime on its way in. Each is refused.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=attempts.sh
. "$(dirname "$0")/attempts.sh"
world "$@"
policy shed <<'T'
[policy]
name = "shed"
[select]
namespaces = ["payments"]
[[rule]]
name = "secret"
on = "read"
paths = ["/data/secret/", "/vol/secret/", "/same/secret/"]
action = "deny"
[[rule]]
name = "config"
on = "write"
paths = ["/etc/"]
action = "deny"
[[rule]]
name = "programs"
on = "exec"
paths = ["/denied/"]
action = "deny"
[[rule]]
name = "low-ports"
on = "bind"
ports = ["0-1023"]
action = "deny"
[[rule]]
name = "block"
on = "connect"
to = ["10.9.0.0/16"]
action = "deny"
T
policy list <<'T'
[policy]
name = "list"
[select]
namespaces = ["strict"]
[defaults]
exec = "deny"
[[rule]]
name = "programs"
on = "exec"
paths = ["/usr/bin/", "/bin/busybox", "/vol/programs/"]
action = "allow"
T
need_agent
need_lsm

cp "$BIN/tests/hostile" "$W/rootfs/usr/bin/hostile"
cp "$BIN/tests/hostile" "$W/rootfs/denied/hostile"
mkdir -p "$W/vol" "$W/same/secret" "$W"/rootfs/{vol,same,opt}
mount -t tmpfs volume "$W/vol" # another file system, as a Secret's volume is
mkdir -p "$W/vol/secret" "$W/vol/programs"
for d in "$W/vol/secret" "$W/same/secret"; do
  echo hidden >"$d/key"
  cp "$BIN/tests/probe" "$d/probe"
done
mkdir -p "$W"/rootfs/data/{secret,open,mnt,scratch} "$W/rootfs/opt/tools"
prepare() {
  rm -rf "$W"/rootfs/data/{open,secret} "$W/rootfs/etc/t" "$W/marks/ready"
  mkdir -p "$W"/rootfs/data/{open,secret}
  echo hidden >"$W/rootfs/data/secret/key"
  echo hidden >"$W/rootfs/data/secret/doomed"
  echo plain >"$W/rootfs/data/open/file"
  echo root >"$W/rootfs/etc/passwd"
  chmod -R a+rwX "$W/rootfs/data" "$W/vol" "$W/same" "$W/marks"
}
probe=/usr/bin/probe hostile=/usr/bin/hostile
volumes=",{\"destination\":\"/vol\",\"type\":\"bind\",\"source\":\"$W/vol\",\"options\":[\"rbind\",\"rw\"]},{\"destination\":\"/same\",\"type\":\"bind\",\"source\":\"$W/same\",\"options\":[\"rbind\",\"rw\"]}"
# shellcheck disable=SC2034  # held reads it
ALSO_REFUSED=137 # killed while it tried

rt=$(runtimes | tail -1)
for uid in ${HOSTILE_CONTROL:+c1000 c0} 1000 0; do
  control= ns=payments
  case $uid in c*) control=1 ns=free uid=${uid#c} ;; esac
  prepare
  EXEC_USER=$uid # CAP_SETFCAP below: without it root has no user namespace in which it is root
  who="uid $uid" c=hostile-$control$uid
  CAPS='"CAP_SYS_ADMIN","CAP_DAC_READ_SEARCH","CAP_SYS_PTRACE","CAP_NET_ADMIN","CAP_BPF","CAP_SETFCAP"' RUN_UID=$uid \
    MOUNTS=$volumes bundle "$c" $ns "$c" main -- $probe sleep
  check "$who: the container runs" run_detached "$rt" "$c"
  free "a volume's file that no rule names" $probe open /vol/programs r
  held "a volume's file" $probe open /vol/secret/key r
  held "a bound directory's file" $probe open /same/secret/key r
  own="$hostile userns"
  for v in vol same; do
    held "$v bound elsewhere in a namespace of its own" $own bind /$v/secret /data/mnt $probe open /data/mnt/key r
    held "$v bound with its parent" $own bind /$v /data/mnt $probe open /data/mnt/secret/key r
    held "$v in a detached copy" $own tree /$v secret/key
    held "$v moved in by move_mount" $own tree-move /$v /data/mnt $probe open /data/mnt/secret/key r
    held "$v below an overlay" $own overlay /$v/secret /data/scratch $probe open key r
    held "$v copied up by an overlay" $own copy-up /$v/secret /data/scratch key
    held "$v pivoted into" $probe pivot /$v /secret/probe open /secret/key r
  done
  free "a device and /proc in a namespace of its own" $own run $probe open /dev/null r
  free "a volume's file that no rule names, there" $own run $probe open /vol/programs r
  held "a volume's file, there" $own run $probe open /vol/secret/key r
  held "root bound with all below" $own bind / /data/mnt $probe open /data/mnt/vol/secret/key r
  held "reopened by descriptor" $hostile reopen /data/secret/key
  held "reopened after its end" $hostile deleted /data/secret/doomed
  held "linked by /proc" $hostile link-proc /data/secret/key /data/open/l2
  held "a nameless file linked into a ruled directory" $hostile tmpfile /data/open /etc/t
  held "a nameless file in a ruled directory" $hostile tmpfile /etc /data/open/t
  held "exchange, ruled first" $hostile exchange /data/secret/key /data/open/file
  held "exchange, ruled second" $hostile exchange /data/open/file /data/secret/key
  held "exchange with a ruled directory's parent" $hostile exchange /data/open /data/secret
  held "a link that turns" $hostile swap /data/open/turn /data/open/file /data/secret/key
  held "io_uring unlink" $hostile uring-unlink /etc/passwd
  held "io_uring rename" $hostile uring-rename /data/secret/key /data/open/u
  held "io_uring connect" $hostile uring-connect 10.9.0.1 80
  held "io_uring sendmsg" $hostile uring-sendmsg 10.9.0.1 80
  held "sendmmsg" $hostile sendmmsg 10.9.0.1 80
  held "a port of the kernel's choice" $probe listen 4 tcp 0.0.0.0 0
  held "an IPv4 address on an IPv6 socket" $hostile v4-on-v6 10.9.0.1 80
  held "a datagram socket connected elsewhere first" $hostile reconnect 127.0.0.1 10.9.0.1 80
  unmarked "execveat of a descriptor" $hostile fexec /denied/probe mark /marks/it
  unmarked "exec from a child that shares memory" $hostile vm-exec /denied/probe mark /marks/it
  unmarked "exec from a thread" $hostile thread-exec /denied/probe mark /marks/it
  held "names of 255 bytes, a path of more than 4096" $hostile long /data/secret 20 none
  if [ $uid = 0 ]; then
    # in the container's own mount namespace
    exec_in "$rt" "$c" $hostile catch /marks/ready &
    catcher=$!
    wait_for 20 test -e "$W/marks/ready"
    until [ ! -d /proc/$catcher ]; do
      "$rt" --root "$W/state.$rt" exec "$c" $probe mark /marks/joined >/dev/null 2>&1
    done
    wait $catcher
    status=$?
    if [ -n "$control" ]; then echo "# control: trace: $status"; elif [ $status -eq 0 ]; then not_ok "$who: a runtime's process was traced before its exec"; else ok "$who: a runtime's process cannot be traced before its exec"; fi
    held "linked by descriptor" $hostile link-fd /data/secret/key /data/open/l1
    held "an attribute" $hostile xattr /etc/passwd
    held "an ACL" $hostile acl /etc/passwd
    held "an inode flag" $hostile chattr /etc/passwd
    free "an attribute of a file that no rule names" $hostile xattr /data/open/file
    free "an ACL of such a file" $hostile acl /data/open/file
    free "an inode flag of such a file" $hostile chattr /data/open/file
    held "vol bound elsewhere" $hostile bind /vol/secret /data/mnt $probe open /data/mnt/key r
    held "vol in a detached copy" $hostile tree /vol secret/key
    held "vol moved in by move_mount" $hostile tree-move /vol /data/open $probe open /data/open/secret/key r
    held "the kernel's map of workloads" $hostile bpf-maps workloads
    held "the kernel's map of rules" $hostile bpf-maps arena
  fi
  delete "$rt" "$c"

  [ -z "$control" ] || continue
  c=strict-$uid
  CAPS='"CAP_SYS_ADMIN","CAP_SETFCAP"' RUN_UID=$uid MOUNTS=$volumes bundle "$c" strict "$c" main -- $probe sleep
  check "$who: the container with an allow-list runs" run_detached "$rt" "$c"
  unmarked "allow-list: a program elsewhere" /denied/probe mark /marks/it
  unmarked "allow-list: a file system of its own over an allowed directory" $own tmpfs /usr/bin $probe mark /marks/it
  unmarked "allow-list: a volume bound over an allowed directory" $own bind /vol/secret /usr/bin /usr/bin/probe mark /marks/it
  unmarked "allow-list: a file system that a shared mount carries over a volume's directory" $own peer /vol /data/mnt programs $probe mark /marks/it
  if [ $uid = 0 ]; then
    unmarked "allow-list: the same in its own namespace" $hostile peer /vol /data/mnt programs $probe mark /marks/it
    unmarked "allow-list: a volume bound over an allowed directory, in its own namespace" $hostile bind /vol/secret /usr/bin /usr/bin/probe mark /marks/it
  fi
  delete "$rt" "$c"
done
finish
