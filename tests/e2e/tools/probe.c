/* probe: what a hostile or a plain container tries, one system call at a time. Static, so that it
 * runs in any root. Exit status: 0 it was let through, 1 it was refused (EPERM, EACCES), 2 it
 * failed for another reason (printed), 64 usage. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int verdict(const char* what, long result) {
  if (result >= 0) {
    printf("%s: allowed\n", what);
    return 0;
  }
  const int e = errno;
  printf("%s: %s\n", what, strerror(e));
  return e == EPERM || e == EACCES ? 1 : 2;
}

static int flags_of(const char* mode) {
  return strcmp(mode, "w") == 0       ? O_WRONLY
         : strcmp(mode, "c") == 0     ? O_WRONLY | O_CREAT
         : strcmp(mode, "trunc") == 0 ? O_RDONLY | O_TRUNC
         : strcmp(mode, "rw") == 0    ? O_RDWR
                                      : O_RDONLY;
}

static int do_open(const char* path, const char* mode) {
  return verdict("open", open(path, flags_of(mode), 0644));
}

static int do_exec(char** argv) {
  const pid_t child = fork();
  if (child == 0) {
    execv(argv[0], argv);
    _exit(errno == EPERM || errno == EACCES ? 126 : 127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    printf("exec: killed by %d\n", WTERMSIG(status));
    return WTERMSIG(status) == 9 ? 1 : 2;
  }
  printf("exec: exit %d\n", WEXITSTATUS(status));
  return WEXITSTATUS(status) == 126 ? 1 : WEXITSTATUS(status) == 0 ? 0 : 2;
}

/* memfd PROGRAM ARG…: copies PROGRAM into a memfd and execs that. */
static int do_memfd(char** argv) {
  const int in = open(argv[0], O_RDONLY);
  const int out = memfd_create("copy", 0);
  char buffer[65536];
  ssize_t n;
  while ((n = read(in, buffer, sizeof buffer)) > 0) {
    if (write(out, buffer, (size_t)n) != n) return 2;
  }
  close(in);
  const pid_t child = fork();
  if (child == 0) {
    char* none[] = {NULL};
    syscall(SYS_execveat, out, "", argv, none, AT_EMPTY_PATH);
    _exit(errno == EPERM || errno == EACCES ? 126 : 127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == 9 ? 1 : 2;
  return WEXITSTATUS(status) == 126 ? 1 : WEXITSTATUS(status) == 0 ? 0 : 2;
}

/* uring PATH MODE: an asynchronous open, done by an io_uring worker thread. */
static int do_uring(const char* path, const char* mode) {
  struct io_uring_params p;
  memset(&p, 0, sizeof p);
  const int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
  if (ring < 0) return verdict("io_uring_setup", -1) == 1 ? 2 : 2;
  char* sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  char* cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
                  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe* sqes =
      mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED) return 2;
  memset(sqes, 0, sizeof *sqes);
  sqes->opcode = IORING_OP_OPENAT;
  sqes->flags = IOSQE_ASYNC;
  sqes->fd = AT_FDCWD;
  sqes->addr = (unsigned long)path;
  sqes->len = 0644;
  sqes->open_flags = (unsigned)flags_of(mode);
  *(unsigned*)(sq + p.sq_off.array) = 0;
  __atomic_store_n((unsigned*)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return 2;
  const struct io_uring_cqe* cqe = (const struct io_uring_cqe*)(cq + p.cq_off.cqes);
  if (cqe->res < 0) errno = -cqe->res;
  return verdict("uring open", cqe->res);
}

struct thread_open {
  const char* path;
  const char* mode;
  int status;
};
static void* open_in_thread(void* arg) {
  struct thread_open* t = arg;
  t->status = do_open(t->path, t->mode);
  return NULL;
}
static int do_thread(const char* path, const char* mode) {
  struct thread_open t = {path, mode, 2};
  pthread_t thread;
  if (pthread_create(&thread, NULL, open_in_thread, &t) != 0) return 2;
  pthread_join(thread, NULL);
  return t.status;
}

/* handle PATH MODE: opens by file handle, which names no path. */
static int do_handle(const char* path, const char* mode) {
  struct {
    struct file_handle h;
    unsigned char bytes[128];
  } f;
  f.h.handle_bytes = 128;
  int mount_id = 0;
  if (name_to_handle_at(AT_FDCWD, path, &f.h, &mount_id, 0) != 0) {
    perror("name_to_handle_at");
    return 2;
  }
  const int root = open("/", O_RDONLY | O_DIRECTORY);
  return verdict("open_by_handle_at", open_by_handle_at(root, &f.h, flags_of(mode)));
}

/* chroot DIR COMMAND…, userns-bind SRC DST COMMAND…, overlay LOWER SCRATCH COMMAND…: other names.
 */
static int do_chroot(char** argv) {
  if (chroot(argv[0]) != 0 || chdir("/") != 0) return verdict("chroot", -1) == 1 ? 2 : 2;
  execv(argv[1], argv + 1);
  return verdict("exec", -1);
}

static void write_text(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY);
  if (fd >= 0) {
    if (write(fd, text, strlen(text)) < 0) perror(path);
    close(fd);
  }
}

static int into_userns(void) {
  char map[64];
  const unsigned uid = getuid();
  const unsigned gid = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    perror("unshare");
    return -1;
  }
  write_text("/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "0 %u 1", uid);
  write_text("/proc/self/uid_map", map);
  snprintf(map, sizeof map, "0 %u 1", gid);
  write_text("/proc/self/gid_map", map);
  return 0;
}

static int do_userns_bind(char** argv) {
  if (into_userns() != 0) return 2;
  if (mount(argv[0], argv[1], NULL, MS_BIND | MS_REC, NULL) != 0) {
    perror("mount");
    return 2;
  }
  execv(argv[2], argv + 2);
  return verdict("exec", -1);
}

static int do_overlay(char** argv) {
  char options[512];
  if (into_userns() != 0) return 2;
  if (mount("tmpfs", argv[1], "tmpfs", 0, NULL) != 0) {
    perror("tmpfs");
    return 2;
  }
  char upper[256], work[256], merged[256];
  snprintf(upper, sizeof upper, "%s/u", argv[1]);
  snprintf(work, sizeof work, "%s/w", argv[1]);
  snprintf(merged, sizeof merged, "%s/m", argv[1]);
  if (mkdir(upper, 0755) != 0 || mkdir(work, 0755) != 0 || mkdir(merged, 0755) != 0)
    return verdict("mkdir", -1);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", argv[0], upper,
           work);
  if (mount("overlay", merged, "overlay", 0, options) != 0) {
    return verdict("overlay", -1);
  }
  if (chdir(merged) != 0) return 2;
  execv(argv[2], argv + 2);
  return verdict("exec", -1);
}

/* pivot NEWROOT COMMAND…: a root of its own choosing. */
static int do_pivot(char** argv) {
  if (into_userns() != 0) return 2;
  if (mount(argv[0], argv[0], NULL, MS_BIND | MS_REC, NULL) != 0 || chdir(argv[0]) != 0 ||
      syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    return verdict("pivot", -1);
  }
  execv(argv[1], argv + 1);
  return verdict("exec", -1);
}

/* deep DIR LEVELS NAME: makes LEVELS nested directories below DIR and a file in the last, then
 * opens it by a relative name from there. */
static int do_deep(const char* dir, int levels, const char* mode) {
  if (chdir(dir) != 0) return 2;
  for (int i = 0; i < levels; ++i) {
    mkdir("d", 0755);
    if (chdir("d") != 0) return 2;
  }
  return do_open("file", mode);
}

/* bytes DIR: for every byte that a name can hold, opens DIR/<byte>x, which must be refused, and
 * DIR/<byte>y, which must not. 1 when it is so for all. */
static int do_bytes(const char* dir) {
  int wrong = 0;
  if (chdir(dir) != 0) return 2;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    char ruled[3] = {(char)byte, 'x', 0};
    char free_name[3] = {(char)byte, 'y', 0};
    const int refused = open(ruled, O_RDONLY) < 0 && errno == EPERM;
    const int let = open(free_name, O_RDONLY) >= 0;
    if (!refused || !let) {
      printf("byte %d: ruled name %s, other name %s\n", byte, refused ? "refused" : "let through",
             let ? "let through" : "refused");
      ++wrong;
    }
  }
  printf("bytes: %d wrong\n", wrong);
  return wrong == 0 ? 1 : 2;
}

static socklen_t address_of(const char* family, const char* text, int port,
                            struct sockaddr_storage* out) {
  memset(out, 0, sizeof *out);
  if (strcmp(family, "6") == 0) {
    struct sockaddr_in6* a = (struct sockaddr_in6*)out;
    a->sin6_family = AF_INET6;
    a->sin6_port = htons((uint16_t)port);
    if (inet_pton(AF_INET6, text, &a->sin6_addr) != 1) return 0;
    return sizeof *a;
  }
  struct sockaddr_in* a = (struct sockaddr_in*)out;
  a->sin_family = strcmp(family, "unspec") == 0 ? AF_UNSPEC : AF_INET;
  a->sin_port = htons((uint16_t)port);
  if (inet_pton(AF_INET, text, &a->sin_addr) != 1) return 0;
  return sizeof *a;
}

/* connect|sendto|bind|listen FAMILY(4|6|unspec) tcp|udp ADDRESS PORT; listen binds where PORT is
 * not 0, and lets the kernel choose otherwise. A connection that is refused by the peer was let
 * through by the policy. */
static int do_socket(const char* call, char** argv) {
  struct sockaddr_storage to;
  const socklen_t length = address_of(argv[0], argv[2], atoi(argv[3]), &to);
  const int type = strcmp(argv[1], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
  const int s = socket(strcmp(argv[0], "6") == 0 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
  if (s < 0) return verdict("socket", -1);
  long result;
  if (strcmp(call, "connect") == 0) {
    fcntl(s, F_SETFL, O_NONBLOCK);
    result = connect(s, (struct sockaddr*)&to, length);
  } else if (strcmp(call, "listen") == 0) {
    if (atoi(argv[3]) != 0 && bind(s, (struct sockaddr*)&to, length) != 0)
      return verdict("bind", -1);
    result = listen(s, 1);
  } else if (strcmp(call, "bind") == 0) {
    result = bind(s, (struct sockaddr*)&to, length);
  } else {
    result =
        sendto(s, "x", 1, type == SOCK_STREAM ? MSG_FASTOPEN : 0, (struct sockaddr*)&to, length);
  }
  if (result < 0 && (errno == ECONNREFUSED || errno == EINPROGRESS || errno == ENETUNREACH ||
                     errno == EADDRNOTAVAIL || errno == EHOSTUNREACH)) {
    result = 0;
  }
  return verdict(call, result);
}

static int do_unix(const char* path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  const int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s < 0) return verdict("socket", -1);
  long result = connect(s, (struct sockaddr*)&a, sizeof a);
  if (result < 0 && (errno == ENOENT || errno == ECONNREFUSED)) result = 0;
  return verdict("unix connect", result);
}

/* talk PATH: connects to a unix socket and reads: 1 = closed at once without a byte. */
static int do_talk(const char* path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  const int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(s, (struct sockaddr*)&a, sizeof a) != 0) return verdict("connect", -1);
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
  if (send(s, preface, sizeof preface - 1, MSG_NOSIGNAL) < 0) {
    puts("talk: closed");
    return 1;
  }
  char byte;
  const ssize_t n = recv(s, &byte, 1, 0);
  puts(n == 1 ? "talk: answered" : "talk: closed");
  return n == 1 ? 0 : 1;
}

static int usage(void) {
  fputs(
      "usage: probe mark FILE | script SCRIPT FILE | sleep | open PATH r|w|c|rw|trunc | thread "
      "PATH MODE | uring PATH MODE |\n"
      "  handle PATH MODE | exec PROGRAM… | memfd PROGRAM… | unlink P | rmdir P | mkdir P | rename "
      "A B |\n"
      "  link A B | symlink A B | chmod P | truncate P | bytes DIR | deep DIR LEVELS MODE | chroot "
      "DIR CMD… |\n"
      "  userns-bind SRC DST CMD… | overlay LOWER SCRATCH CMD… | pivot ROOT CMD… |\n"
      "  connect|sendto|bind|listen 4|6|unspec tcp|udp ADDR PORT | socket FAMILY TYPE PROTOCOL | "
      "unix "
      "PATH | talk PATH\n",
      stderr);
  return 64;
}

int main(int argc, char** argv) {
  if (argc < 2) return usage();
  const char* c = argv[1];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(c, "sleep") == 0) {
    for (;;) pause();
  }
  if (argc < 3) return usage();
  char** rest = argv + 2;
  const int n = argc - 2;
  if (strcmp(c, "mark") == 0) return open(rest[0], O_CREAT | O_WRONLY, 0644) < 0 ? 2 : 0;
  if (strcmp(c, "exec") == 0) return do_exec(rest);
  if (strcmp(c, "memfd") == 0) return do_memfd(rest);
  if (strcmp(c, "unlink") == 0) return verdict(c, unlink(rest[0]));
  if (strcmp(c, "rmdir") == 0) return verdict(c, rmdir(rest[0]));
  if (strcmp(c, "mkdir") == 0) return verdict(c, mkdir(rest[0], 0755));
  if (strcmp(c, "chmod") == 0) return verdict(c, chmod(rest[0], 0777));
  if (strcmp(c, "truncate") == 0) return verdict(c, truncate(rest[0], 0));
  if (strcmp(c, "bytes") == 0) return do_bytes(rest[0]);
  if (strcmp(c, "unix") == 0) return do_unix(rest[0]);
  if (strcmp(c, "talk") == 0) return do_talk(rest[0]);
  if (n < 2) return usage();
  /* As a script's interpreter: "#!probe script" is run as `probe script SCRIPT FILE`. */
  if (strcmp(c, "script") == 0) return open(rest[1], O_CREAT | O_WRONLY, 0644) < 0 ? 2 : 0;
  if (strcmp(c, "open") == 0) return do_open(rest[0], rest[1]);
  if (strcmp(c, "thread") == 0) return do_thread(rest[0], rest[1]);
  if (strcmp(c, "uring") == 0) return do_uring(rest[0], rest[1]);
  if (strcmp(c, "handle") == 0) return do_handle(rest[0], rest[1]);
  if (strcmp(c, "rename") == 0) return verdict(c, rename(rest[0], rest[1]));
  if (strcmp(c, "link") == 0) return verdict(c, link(rest[0], rest[1]));
  if (strcmp(c, "symlink") == 0) return verdict(c, symlink(rest[0], rest[1]));
  if (strcmp(c, "chroot") == 0) return do_chroot(rest);
  if (strcmp(c, "pivot") == 0) return do_pivot(rest);
  if (n < 3) return usage();
  if (strcmp(c, "deep") == 0) return do_deep(rest[0], atoi(rest[1]), rest[2]);
  if (strcmp(c, "userns-bind") == 0) return do_userns_bind(rest);
  if (strcmp(c, "overlay") == 0) return do_overlay(rest);
  if (strcmp(c, "socket") == 0) {
    return verdict(c, socket(atoi(rest[0]), atoi(rest[1]), atoi(rest[2])));
  }
  if (n < 4) return usage();
  if (strcmp(c, "connect") == 0 || strcmp(c, "sendto") == 0 || strcmp(c, "bind") == 0 ||
      strcmp(c, "listen") == 0) {
    return do_socket(c, rest);
  }
  return usage();
}
