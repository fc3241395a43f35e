/* hostile: rarer ways to shed a rule than probe's, one a command. Static; exit status as probe's:
 * 0 it was let through, 1 it was refused, 2 it failed for another reason (printed), 64 usage. */
#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXCHANGE = 2 };

int verdict(const char* what, long result) {
  if (result >= 0) {
    printf("%s: allowed\n", what);
    return 0;
  }
  const int e = errno;
  printf("%s: %s\n", what, strerror(e));
  return e == EPERM || e == EACCES ? 1 : 2;
}

int broken(const char* what) {
  perror(what);
  return 2;
}

int run(char** argv) {
  execv(argv[0], argv);
  return verdict("exec", -1);
}

int attempt(int n, char** a) {
  const char* c = *a++;
  --n;
#define IS(name, count) (strcmp(c, name) == 0 && n >= (count))
  if (IS("userns", 1)) return do_userns(n, a);
  if (IS("run", 1)) return run(a);
  if (IS("bind", 3)) return do_bind(a);
  if (IS("tmpfs", 2)) return do_tmpfs(a);
  if (IS("peer", 4)) return do_peer(a);
  if (IS("overlay", 3)) return do_overlay(a);
  if (IS("copy-up", 3)) return do_copy_up(a);
  if (IS("tree", 2)) return do_tree(a[0], a[1]);
  if (IS("tree-move", 3)) return do_tree_move(a);
  if (IS("detach", 2)) return do_detach(a[0], a[1]);
  if (IS("reopen", 1)) return do_reopen(a[0]);
  if (IS("deleted", 1)) return do_deleted(a[0]);
  if (IS("link-fd", 2)) return do_link(a[0], a[1], 0);
  if (IS("link-proc", 2)) return do_link(a[0], a[1], 1);
  if (IS("tmpfile", 2)) return do_tmpfile(a[0], a[1]);
  if (IS("exchange", 2))
    return verdict(c, syscall(SYS_renameat2, AT_FDCWD, a[0], AT_FDCWD, a[1], EXCHANGE));
  if (IS("fexec", 1)) return do_fexec(a);
  if (IS("vm-exec", 1)) return do_vm_exec(a);
  if (IS("thread-exec", 1)) return do_thread_exec(a);
  if (IS("swap", 3)) return do_swap(a[0], a[1], a[2]);
  if (strncmp(c, "uring-", 6) == 0) return do_uring(c, a);
  if (IS("sendmmsg", 2) || IS("v4-on-v6", 2) || IS("reconnect", 3) || IS("smc", 2))
    return do_net(c, a);
  if (IS("xattr", 1)) return do_xattr(a[0]);
  if (IS("acl", 1)) return do_acl(a[0]);
  if (IS("chattr", 1)) return do_chattr(a[0]);
  if (IS("long", 3)) return do_long(a[0], atoi(a[1]), a[2]);
  if (IS("bpf-maps", 1)) return do_bpf(a[0]);
  if (IS("catch", 1)) return do_catch(a[0]);
  fprintf(stderr, "hostile: no such attempt: %s\n", c);
  return 64;
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  return argc < 3 ? 64 : attempt(argc - 1, argv + 1);
}
