#!/bin/bash
# tests: vm
# timeout: 800
# A container tries to shed its rules: other roots, other mounts, other names, no name, another
# cgroup, another kind of thread. Each attempt is refused, as root and as another user.
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
paths = ["/data/secret/"]
action = "deny"
[[rule]]
name = "config"
on = "write"
paths = ["/etc/", "/data/secret/"]
action = "deny"
[[rule]]
name = "programs"
on = "exec"
paths = ["/denied/"]
action = "deny"
T
need_agent
need_lsm

prepare() {
  rm -rf "$W/rootfs/data/secret" "$W/rootfs/data/open"
  mkdir -p "$W"/rootfs/data/{secret/in,open,scratch,mnt} "$W"/rootfs/data/jail/{secret,usr/bin}
  echo hidden >"$W/rootfs/data/secret/key"
  echo hidden >"$W/rootfs/data/secret/in/key"
  echo plain >"$W/rootfs/data/open/file"
  cp "$W/rootfs/usr/bin/probe" "$W/rootfs/data/secret/in/probe"
  cp "$W/rootfs/usr/bin/probe" "$W/rootfs/data/jail/usr/bin/probe"
  chmod -R a+rwX "$W/rootfs/data" "$W/marks"
}
probe=/usr/bin/probe

for rt in $(runtimes); do
  for uid in 0 1000; do
    prepare
    EXEC_USER=$uid # CAP_SETFCAP below: without it root has no user namespace in which it is root
    who="$rt uid $uid" c=shed-$rt-$uid
    CAPS='"CAP_SYS_ADMIN","CAP_DAC_READ_SEARCH","CAP_SYS_RESOURCE","CAP_SETFCAP"' RUN_UID=$uid \
      MOUNTS=",{\"destination\":\"/sys/fs/cgroup\",\"type\":\"bind\",\"source\":\"/sys/fs/cgroup\",\"options\":[\"rbind\",\"rw\"]}" \
      bundle "$c" payments "$c" main -- $probe sleep
    check "$who: the container runs" run_detached "$rt" "$c"
    free "a file that no rule names" $probe open /data/open/file r
    held "plainly" $probe open /data/secret/key r
    held "a new file" $probe open /etc/new c
    held "truncation by a read-only open" $probe open /etc/passwd trunc
    held "truncate" $probe truncate /etc/passwd
    held "chmod" $probe chmod /etc/passwd
    held "unlink" $probe unlink /etc/passwd
    held "mkdir" $probe mkdir /etc/d
    held "symlink" $probe symlink x /etc/l
    held "a thread" $probe thread /data/secret/key r
    held "an io_uring worker" $probe uring /data/secret/key r
    held "rename of a ruled file" $probe rename /data/secret/key /data/open/key
    held "rename of its parent" $probe rename /data/secret /data/renamed
    held "rename of its parent's parent" $probe rename /data /data2
    held "hard link of a ruled file" $probe link /data/secret/key /data/open/key
    held "rename into a ruled directory" $probe rename /data/open/file /etc/file
    held "through /proc/self/root" $probe open /proc/self/root/data/secret/key r
    held "a user namespace and a bind mount" $probe userns-bind /data/secret /data/mnt $probe open /data/mnt/key r
    held "pivot_root onto a ruled directory" $probe pivot /data/secret/in /probe open /key r
    held "an overlay over a ruled directory" $probe overlay /data/secret /data/scratch $probe open key r
    unmarked "memfd" $probe memfd $probe mark /marks/it
    unmarked "a denied program" /denied/probe mark /marks/it
    if [ $uid = 0 ]; then
      held "chroot into a ruled directory" $probe chroot /data/secret/in /probe open /key r
      held "open_by_handle_at" $probe handle /data/secret/key r
      exec_in "$rt" "$c" /bin/sh -c "mkdir -p /sys/fs/cgroup/usher-test-$$/moved/nested || exit 8; echo 0 >/sys/fs/cgroup/usher-test-$$/moved/nested/cgroup.procs || exit 9; $probe open /data/secret/key r"
      case $? in
        1) ok "$who: a nested cgroup of its own" ;;
        *) not_ok "$who: a nested cgroup of its own: $(tail -n 1 "$W/out/$c.exec")" ;;
      esac
      exec_in "$rt" "$c" /bin/sh -c "echo 0 >/sys/fs/cgroup/cgroup.procs || exit 9; $probe open /data/secret/key r"
      case $? in
        1) ok "$who: the root cgroup" ;;
        *) not_ok "$who: the root cgroup: $(tail -n 1 "$W/out/$c.exec")" ;;
      esac
    fi
    # A runtime whose container is gone exits with 1 as well: it must be there to the end.
    free "that file, after all of this" $probe open /data/open/file r
    delete "$rt" "$c"
  done
done
finish
