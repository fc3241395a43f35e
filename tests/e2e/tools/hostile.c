/* hostile: rarer ways to shed a rule than probe's, one a command. Static; exit status as probe's:
 * 0 it was let through, 1 it was refused, 2 it failed for another reason (printed), 64 usage. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { TREE_CLONE = 1, TREE_RECURSIVE = 0x8000, MOVE_FROM_EMPTY = 4, EXCHANGE = 2 };

static int verdict(const char* what, long result) {
  if (result >= 0) {
    printf("%s: allowed\n", what);
    return 0;
  }
  const int e = errno;
  printf("%s: %s\n", what, strerror(e));
  return e == EPERM || e == EACCES ? 1 : 2;
}

static int broken(const char* what) {
  perror(what);
  return 2;
}

static int run(char** argv) {
  execv(argv[0], argv);
  return verdict("exec", -1);
}

static void write_text(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) perror(path);
  close(fd);
}

static int attempt(int n, char** a);

/* userns ATTEMPT…: one of the others, in a user and a mount namespace of its own. */
static int do_userns(int n, char** argv) {
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
static int do_bind(char** argv) {
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
static int do_tmpfs(char** argv) {
  if (mount("tmpfs", argv[0], "tmpfs", 0, NULL) != 0) return verdict("mount", -1);
  return run_copy(argv[0], argv + 1);
}

/* peer DIR PEER SUB PROGRAM ARG…: shares DIR's mount with PEER and mounts on PEER/SUB what comes up
 * on DIR/SUB as well; a copy of PROGRAM is run from there. */
static int do_peer(char** argv) {
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
static int do_overlay(char** argv) {
  const int laid = lay_overlay(argv[0], argv[1]);
  return laid ? laid : run(argv + 2);
}

/* copy-up LOWER SCRATCH NAME: has the kernel copy LOWER/NAME up and reads the copy. */
static int do_copy_up(char** argv) {
  char copy[300];
  const int laid = lay_overlay(argv[0], argv[1]);
  if (laid) return laid;
  const int fd = open(argv[2], O_WRONLY);
  if (fd < 0 && chmod(argv[2], 0666) != 0) return verdict("copy up", -1);
  snprintf(copy, sizeof copy, "%s/u/%s", argv[1], argv[2]);
  return verdict("open the copy", open(copy, O_RDONLY));
}

/* tree DIR NAME: reads NAME in a detached copy of DIR's mounts. */
static int do_tree(const char* dir, const char* name) {
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, dir, TREE_CLONE | TREE_RECURSIVE);
  if (tree < 0) return verdict("open_tree", -1) == 1 ? 1 : 2;
  return verdict("open", openat(tree, name, O_RDONLY));
}

/* tree-move DIR AT CMD… */
static int do_tree_move(char** argv) {
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, argv[0], TREE_CLONE | TREE_RECURSIVE);
  if (tree < 0) return verdict("open_tree", -1) == 1 ? 1 : 2;
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, argv[1], MOVE_FROM_EMPTY) != 0)
    return verdict("move_mount", -1);
  return run(argv + 2);
}

/* detach DIR NAME: goes into DIR, takes the mount away beneath itself, opens NAME. */
static int do_detach(const char* dir, const char* name) {
  if (chdir(dir) != 0) return broken(dir);
  if (umount2(dir, MNT_DETACH) != 0) return broken("umount");
  return verdict("open", open(name, O_RDONLY));
}

/* reopen PATH: O_PATH, then by /proc/self/fd. */
static int do_reopen(const char* path) {
  char name[64];
  const int fd = open(path, O_PATH);
  if (fd < 0) return broken(path);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return verdict("reopen", open(name, O_RDONLY));
}

/* deleted PATH: the same with the file deleted meanwhile. */
static int do_deleted(const char* path) {
  char name[64];
  const int fd = open(path, O_PATH);
  if (fd < 0) return broken(path);
  if (unlink(path) != 0) return broken("unlink");
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return verdict("reopen", open(name, O_RDONLY));
}

/* link-fd PATH NEW, link-proc PATH NEW: hard links of a descriptor. */
static int do_link(const char* path, const char* to, int proc) {
  char name[64];
  const int fd = open(path, O_PATH);
  if (fd < 0) return broken(path);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  if (proc) return verdict("link", linkat(AT_FDCWD, name, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
  return verdict("link", linkat(fd, "", AT_FDCWD, to, AT_EMPTY_PATH));
}

/* tmpfile DIR NEW: a file without a name, linked to NEW. */
static int do_tmpfile(const char* dir, const char* to) {
  char name[64];
  const int fd = open(dir, O_TMPFILE | O_RDWR, 0644);
  if (fd < 0) return verdict("tmpfile", -1);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return verdict("link", linkat(AT_FDCWD, name, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
}

static int status_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == 9 ? 1 : 2;
  return WEXITSTATUS(status) == 126 ? 1 : WEXITSTATUS(status) == 0 ? 0 : 2;
}

/* fexec PROGRAM ARG…: by a descriptor and no name. */
static int do_fexec(char** argv) {
  char* none[] = {NULL};
  const int fd = open(argv[0], O_PATH | O_CLOEXEC);
  if (fd < 0) return broken(argv[0]);
  syscall(SYS_execveat, fd, "", argv, none, AT_EMPTY_PATH);
  return verdict("fexec", -1);
}

static int exec_child(void* arg) {
  char** argv = arg;
  execv(argv[0], argv);
  _exit(errno == EPERM || errno == EACCES ? 126 : 127);
}

/* vm-exec PROGRAM ARG…: from a child that shares all memory. */
static int do_vm_exec(char** argv) {
  static char stack[65536] __attribute__((aligned(16)));
  const pid_t child = clone(exec_child, stack + sizeof stack,
                            CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS | SIGCHLD, argv);
  return child < 0 ? broken("clone") : status_of(child);
}

/* thread-exec PROGRAM ARG…: from a thread that is not the first. */
static void* exec_thread(void* arg) {
  exec_child(arg);
  return NULL;
}
static int do_thread_exec(char** argv) {
  const pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, exec_thread, argv);
    for (;;) pause();
  }
  return status_of(child);
}

/* swap LINK A B: B is refused; a second thread turns LINK between them. Read what is in B? */
struct swap {
  const char *link, *a, *b;
  int stop;
};
static void* swapper(void* arg) {
  struct swap* s = arg;
  char other[256];
  snprintf(other, sizeof other, "%s.new", s->link);
  for (int i = 0; !__atomic_load_n(&s->stop, __ATOMIC_RELAXED); ++i) {
    unlink(other);
    if (symlink(i & 1 ? s->a : s->b, other) == 0) rename(other, s->link);
  }
  return NULL;
}
static int do_swap(const char* link, const char* a, const char* b) {
  struct swap s = {link, a, b, 0};
  pthread_t thread;
  int refused = 0, allowed = 0;
  if (symlink(a, link) != 0 && errno != EEXIST) return broken(link);
  pthread_create(&thread, NULL, swapper, &s);
  for (int i = 0; i < 4000; ++i) {
    char text[16] = "";
    const int fd = open(link, O_RDONLY);
    if (fd < 0) {
      refused += errno == EPERM;
      continue;
    }
    if (read(fd, text, sizeof text) > 0 && strncmp(text, "hidden", 6) == 0) ++allowed;
    close(fd);
  }
  __atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  printf("swap: %d refused, %d read what is hidden\n", refused, allowed);
  return allowed ? 0 : refused ? 1 : 2;
}

/* One io_uring operation by a worker thread; its result or -errno. */
static int uring(struct io_uring_sqe* what) {
  struct io_uring_params p;
  memset(&p, 0, sizeof p);
  const int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
  if (ring < 0) return -ENOSYS;
  char* sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  char* cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
                  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe* sqes =
      mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED) return -ENOSYS;
  *sqes = *what;
  sqes->flags = IOSQE_ASYNC;
  *(unsigned*)(sq + p.sq_off.array) = 0;
  __atomic_store_n((unsigned*)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return -ENOSYS;
  return ((const struct io_uring_cqe*)(cq + p.cq_off.cqes))->res;
}

static struct sockaddr_in v4(const char* text, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, text, &a.sin_addr);
  return a;
}

/* A peer that does not answer was let through by the policy. */
static int network(const char* what, long result) {
  if (result < 0 && (errno == ECONNREFUSED || errno == EINPROGRESS || errno == ENETUNREACH ||
                     errno == EADDRNOTAVAIL || errno == EHOSTUNREACH || errno == EAGAIN))
    result = 0;
  return verdict(what, result);
}

/* uring-unlink PATH, uring-rename A B, uring-connect ADDR PORT, uring-sendmsg ADDR PORT */
static int do_uring(const char* what, char** argv) {
  struct io_uring_sqe e;
  memset(&e, 0, sizeof e);
  struct sockaddr_in to;
  struct iovec data = {"x", 1};
  struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};
  if (strcmp(what, "uring-unlink") == 0) {
    e.opcode = IORING_OP_UNLINKAT;
    e.fd = AT_FDCWD;
    e.addr = (unsigned long)argv[0];
  } else if (strcmp(what, "uring-rename") == 0) {
    e.opcode = IORING_OP_RENAMEAT;
    e.fd = AT_FDCWD;
    e.addr = (unsigned long)argv[0];
    e.len = (unsigned)AT_FDCWD;
    e.off = (unsigned long)argv[1];
  } else {
    const int connecting = strcmp(what, "uring-connect") == 0;
    to = v4(argv[0], atoi(argv[1]));
    e.fd = socket(AF_INET, (connecting ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
    if (connecting) {
      e.opcode = IORING_OP_CONNECT;
      e.addr = (unsigned long)&to;
      e.off = sizeof to;
    } else {
      m.msg_name = &to;
      m.msg_namelen = sizeof to;
      e.opcode = IORING_OP_SENDMSG;
      e.addr = (unsigned long)&m;
      e.len = 1;
    }
  }
  const int result = uring(&e);
  if (result < 0) errno = -result;
  return network(what, result);
}

/* sendmmsg ADDR PORT; v4-on-v6 ADDR PORT: an IPv4 address given to an IPv6 socket; reconnect
 * ALLOWED ADDR PORT: connected UDP, undone with AF_UNSPEC, sent elsewhere; smc ADDR PORT: a TCP
 * socket that was turned into another family's. */
static int do_net(const char* what, char** argv) {
  struct iovec data = {"x", 1};
  const int back = strcmp(what, "reconnect") == 0;
  struct sockaddr_in to = v4(argv[back], atoi(argv[back + 1]));
  if (strcmp(what, "sendmmsg") == 0) {
    struct sockaddr_in good = v4("127.0.0.1", 53);
    struct mmsghdr m[2];
    memset(m, 0, sizeof m);
    for (int i = 0; i < 2; ++i) {
      m[i].msg_hdr.msg_iov = &data;
      m[i].msg_hdr.msg_iovlen = 1;
      m[i].msg_hdr.msg_name = i ? &to : &good;
      m[i].msg_hdr.msg_namelen = sizeof to;
    }
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    const int sent = sendmmsg(s, m, 2, 0);
    printf("sendmmsg: %d of 2 sent\n", sent);
    return sent == 2 ? 0 : sent == 1 || (sent < 0 && errno == EPERM) ? 1 : 2;
  }
  if (strcmp(what, "v4-on-v6") == 0) {
    const int s = socket(AF_INET6, SOCK_DGRAM, 0);
    const int sent = network("sendto", sendto(s, "x", 1, 0, (struct sockaddr*)&to, sizeof to));
    const int connected = network("connect", connect(s, (struct sockaddr*)&to, sizeof to));
    return sent == 1 && connected == 1 ? 1 : sent == 0 || connected == 0 ? 0 : 2;
  }
  if (back) {
    struct sockaddr_in good = v4(argv[0], 53);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(s, (struct sockaddr*)&good, sizeof good) != 0) return broken("first connect");
    if (connect(s, &none, sizeof none) != 0) return broken("disconnect");
    return network("sendto", sendto(s, "x", 1, 0, (struct sockaddr*)&to, sizeof to));
  }
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  if (setsockopt(s, 6, 31, "smc", 3) != 0) return broken("TCP_ULP smc");
  fcntl(s, F_SETFL, O_NONBLOCK);
  return network("connect", connect(s, (struct sockaddr*)&to, sizeof to));
}

/* xattr PATH, acl PATH (one that gives all to everyone), chattr PATH (no dump) */
static int do_xattr(const char* path) {
  return verdict("setxattr", setxattr(path, "user.x", "1", 1, 0));
}
static int do_acl(const char* path) {
  static const unsigned short acl[] = {2, 0,      1,      7,  0xffff, 0xffff, 4,
                                       7, 0xffff, 0xffff, 32, 7,      0xffff, 0xffff};
  return verdict("acl", setxattr(path, "system.posix_acl_access", acl, sizeof acl, 0));
}
static int do_chattr(const char* path) {
  const int fd = open(path, O_RDONLY);
  int flags = 0;
  if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return broken(path);
  flags |= FS_NODUMP_FL;
  return verdict("chattr", ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

/* long DIR LEVELS NAME: opens NAME below LEVELS directories whose names are 255 bytes long. */
static int do_long(const char* dir, int levels, const char* file) {
  char name[256];
  memset(name, 'n', 255);
  name[255] = 0;
  if (chdir(dir) != 0) return broken(dir);
  for (int i = 0; i < levels; ++i) {
    if (mkdir(name, 0755) != 0 && errno != EEXIST) return broken("mkdir");
    if (chdir(name) != 0) return broken("chdir");
  }
  close(open(file, O_WRONLY | O_CREAT, 0644));
  return verdict("open", open(file, O_RDONLY));
}

static long bpf(int command, union bpf_attr* a) {
  return syscall(SYS_bpf, command, a, sizeof *a);
}

/* bpf-maps NAME: looks for the kernel's map of that name and opens it for writing. */
static int do_bpf(const char* name) {
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
static int do_catch(const char* ready) {
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

static int attempt(int n, char** a) {
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
