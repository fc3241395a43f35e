/* Namespaces and mounts: a ruled directory under another name, another one in an allowed place. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

enum { TREE_CLONE = 1, TREE_RECURSIVE = 0x8000, MOVE_FROM_EMPTY = 4 };

static void write_text(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) perror(path);
  close(fd);
}

/* userns ATTEMPT…: one of the others, in a user and a mount namespace of its own. */
int do_userns(int n, char** argv) {
  char map[64];
  const unsigned uid = getuid();
  const unsigned gid = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return broken("unshare");
  write_text("/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "0 %u 1", uid);
  write_text("/proc/self/uid_map", map);
  snprintf(map, sizeof map, "0 %u 1", gid);
  write_text("/proc/self/gid_map", map);
  return attempt(n, argv);
}

/* bind SRC DST CMD… */
int do_bind(char** argv) {
  if (mount(argv[0], argv[1], NULL, MS_BIND | MS_REC, NULL) != 0) return verdict("mount", -1);
  return run(argv + 2);
}

/* Runs a copy of argv[0] that it makes in DIR. */
static int run_copy(const char* dir, char** argv) {
  char to[256];
  char buffer[65536];
  ssize_t n;
  const int in = open(argv[0], O_RDONLY);
  if (in < 0) return broken(argv[0]);
  snprintf(to, sizeof to, "%s/copy", dir);
  const int out = open(to, O_WRONLY | O_CREAT, 0755);
  if (out < 0) return verdict("copy", -1);
  while ((n = read(in, buffer, sizeof buffer)) > 0)
    if (write(out, buffer, (size_t)n) != n) return 2;
  close(out);
  close(in);
  argv[0] = to;
  return run(argv);
}

/* tmpfs DIR PROGRAM ARG…: a file system of its own over DIR, with a copy of PROGRAM, which is run.
 */
int do_tmpfs(char** argv) {
  if (mount("tmpfs", argv[0], "tmpfs", 0, NULL) != 0) return verdict("mount", -1);
  return run_copy(argv[0], argv + 1);
}

/* peer DIR PEER SUB PROGRAM ARG…: shares DIR's mount with PEER and mounts on PEER/SUB what comes up
 * on DIR/SUB as well; a copy of PROGRAM is run from there. */
int do_peer(char** argv) {
  char place[256], dir[256];
  snprintf(dir, sizeof dir, "%s/%s", argv[0], argv[2]);
  snprintf(place, sizeof place, "%s/%s", argv[1], argv[2]);
  if (mount(NULL, argv[0], NULL, MS_SHARED, NULL) != 0) return verdict("share", -1);
  if (mount(argv[0], argv[1], NULL, MS_BIND, NULL) != 0) return verdict("bind", -1);
  if (mount("tmpfs", place, "tmpfs", 0, NULL) != 0) return verdict("mount", -1);
  return run_copy(dir, argv + 3);
}

/* An overlay over `lower` with a tmpfs over `scratch` for the rest; goes into it. */
static int lay_overlay(const char* lower, const char* scratch) {
  char options[700], upper[200], work[200], merged[200];
  if (mount("tmpfs", scratch, "tmpfs", 0, NULL) != 0) return verdict("tmpfs", -1);
  snprintf(upper, sizeof upper, "%s/u", scratch);
  snprintf(work, sizeof work, "%s/w", scratch);
  snprintf(merged, sizeof merged, "%s/m", scratch);
  if (mkdir(upper, 0755) != 0 || mkdir(work, 0755) != 0 || mkdir(merged, 0755) != 0)
    return verdict("mkdir", -1);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", lower, upper,
           work);
  if (mount("overlay", merged, "overlay", 0, options) != 0) return verdict("overlay", -1);
  return chdir(merged) == 0 ? 0 : broken(merged);
}

/* overlay LOWER SCRATCH CMD…: CMD runs in the merged directory. */
int do_overlay(char** argv) {
  const int laid = lay_overlay(argv[0], argv[1]);
  return laid ? laid : run(argv + 2);
}

/* copy-up LOWER SCRATCH NAME: has the kernel copy LOWER/NAME up and reads the copy. */
int do_copy_up(char** argv) {
  char copy[300];
  const int laid = lay_overlay(argv[0], argv[1]);
  if (laid) return laid;
  const int fd = open(argv[2], O_WRONLY);
  if (fd < 0 && chmod(argv[2], 0666) != 0) return verdict("copy up", -1);
  snprintf(copy, sizeof copy, "%s/u/%s", argv[1], argv[2]);
  return verdict("open the copy", open(copy, O_RDONLY));
}

/* tree DIR NAME: reads NAME in a detached copy of DIR's mounts. */
int do_tree(const char* dir, const char* name) {
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, dir, TREE_CLONE | TREE_RECURSIVE);
  if (tree < 0) return verdict("open_tree", -1) == 1 ? 1 : 2;
  return verdict("open", openat(tree, name, O_RDONLY));
}

/* tree-move DIR AT CMD… */
int do_tree_move(char** argv) {
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, argv[0], TREE_CLONE | TREE_RECURSIVE);
  if (tree < 0) return verdict("open_tree", -1) == 1 ? 1 : 2;
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, argv[1], MOVE_FROM_EMPTY) != 0)
    return verdict("move_mount", -1);
  return run(argv + 2);
}

/* detach DIR NAME: goes into DIR, takes the mount away beneath itself, opens NAME. */
int do_detach(const char* dir, const char* name) {
  if (chdir(dir) != 0) return broken(dir);
  if (umount2(dir, MNT_DETACH) != 0) return broken("umount");
  return verdict("open", open(name, O_RDONLY));
}
