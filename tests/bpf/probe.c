// What a container's program may try, one try a run: exits with 0 or the errno that it met. Static,
// so that a container needs nothing else.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char** environ;

static int result(long r) {
  return r < 0 ? errno : 0;
}

static socklen_t address_of(struct sockaddr_storage* to, const char* text, int port) {
  memset(to, 0, sizeof(*to));
  struct sockaddr_in* v4 = (struct sockaddr_in*)to;
  struct sockaddr_in6* v6 = (struct sockaddr_in6*)to;
  if (strchr(text, ':')) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    inet_pton(AF_INET6, text, &v6->sin6_addr);
    return sizeof(*v6);
  }
  v4->sin_family = AF_INET;
  v4->sin_port = htons((uint16_t)port);
  inet_pton(AF_INET, text, &v4->sin_addr);
  return sizeof(*v4);
}

// tcp|udp connect|bind|listen|sendto|unspec|fastopen ADDRESS PORT
static int try_socket(char** a) {
  struct sockaddr_storage to;
  const socklen_t length = address_of(&to, a[2], atoi(a[3]));
  const int type = strcmp(a[0], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
  const int fd = socket(to.ss_family, type, 0);
  if (fd < 0) return errno;
  if (strcmp(a[1], "connect") == 0) return result(connect(fd, (struct sockaddr*)&to, length));
  if (strcmp(a[1], "bind") == 0) return result(bind(fd, (struct sockaddr*)&to, length));
  if (strcmp(a[1], "listen") == 0) return result(listen(fd, 1));  // on the kernel's choice
  int flags = 0;
  if (strcmp(a[1], "unspec") == 0) to.ss_family = AF_UNSPEC;
  if (strcmp(a[1], "fastopen") == 0) flags = MSG_FASTOPEN;
  return result(sendto(fd, "x", 1, flags, (struct sockaddr*)&to, length));
}

static int try_memfd(const char* program) {
  char buffer[65536];
  const int from = open(program, O_RDONLY);
  const int to = memfd_create("copy", 0);
  if (from < 0 || to < 0) return errno;
  ssize_t n;
  while ((n = read(from, buffer, sizeof(buffer))) > 0)
    if (write(to, buffer, (size_t)n) != n) return errno;
  char* argv[] = {"probe", "nothing", NULL};
  return result(syscall(SYS_execveat, to, "", argv, environ, AT_EMPTY_PATH));
}

static void* open_in_thread(void* path) {
  const int fd = open(path, O_RDONLY);
  return (void*)(intptr_t)(fd < 0 ? errno : 0);
}

// An open by an io_uring worker (IOSQE_ASYNC), not by the task itself.
static int try_uring(const char* path) {
  struct io_uring_params p = {0};
  const int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
  if (ring < 0) return errno;
  char* sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  char* cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
                  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe* sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED) return errno;
  memset(sqe, 0, sizeof(*sqe));
  sqe->opcode = IORING_OP_OPENAT;
  sqe->fd = AT_FDCWD;
  sqe->addr = (uint64_t)(uintptr_t)path;
  sqe->flags = IOSQE_ASYNC;
  ((uint32_t*)(sq + p.sq_off.array))[0] = 0;
  __atomic_store_n((uint32_t*)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return errno;
  const struct io_uring_cqe* done = (void*)(cq + p.cq_off.cqes);
  return done->res < 0 ? -done->res : 0;
}

static int try_handle(const char* path) {
  struct {
    struct file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } h = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
  int mount_id = 0;
  if (name_to_handle_at(AT_FDCWD, path, &h.handle, &mount_id, 0) < 0) return errno;
  const int root = open("/", O_RDONLY);
  return result(open_by_handle_at(root, &h.handle, O_RDONLY));
}

// Copies itself into ever deeper directories below PATH and opens a file there.
static int try_deep(const char* path, int levels) {
  if (chdir(path) < 0) return errno;
  for (int i = 0; i < levels; i++) {
    if (mkdir("d", 0755) < 0 && errno != EEXIST) return errno;
    if (chdir("d") < 0) return errno;
  }
  return result(open("leaf", O_RDONLY | O_CREAT, 0644));
}

int main(int argc, char** argv) {
  if (argc < 2 || strcmp(argv[1], "nothing") == 0) return 0;
  const char* what = argv[1];
  char** a = argv + 2;
  if (strcmp(what, "open") == 0) return result(open(a[0], O_RDONLY));
  if (strcmp(what, "write") == 0) return result(open(a[0], O_WRONLY | O_CREAT, 0644));
  if (strcmp(what, "rename") == 0) return result(rename(a[0], a[1]));
  if (strcmp(what, "exchange") == 0)
    return result(renameat2(AT_FDCWD, a[0], AT_FDCWD, a[1], RENAME_EXCHANGE));
  if (strcmp(what, "link") == 0) return result(link(a[0], a[1]));
  if (strcmp(what, "bind") == 0) return result(mount(a[0], a[1], NULL, MS_BIND | MS_REC, NULL));
  if (strcmp(what, "memfd") == 0) return try_memfd(a[0]);
  if (strcmp(what, "uring") == 0) return try_uring(a[0]);
  if (strcmp(what, "handle") == 0) return try_handle(a[0]);
  if (strcmp(what, "deep") == 0) return try_deep(a[0], atoi(a[1]));
  if (strcmp(what, "tcp") == 0 || strcmp(what, "udp") == 0) return try_socket(argv + 1);
  if (strcmp(what, "socket") == 0) return result(socket(atoi(a[0]), atoi(a[1]), atoi(a[2])));
  if (strcmp(what, "thread") == 0) {
    pthread_t thread;
    void* r = NULL;
    if (pthread_create(&thread, NULL, open_in_thread, a[0])) return errno;
    pthread_join(thread, &r);
    return (int)(intptr_t)r;
  }
  if (strcmp(what, "chroot") == 0) {  // chroot DIRECTORY PATH: a relative name below another root
    if (chroot(a[0]) < 0 || chdir("/") < 0) return errno;
    return result(open(a[1], O_RDONLY));
  }
  if (strcmp(what, "tmpfs") == 0) {  // tmpfs DIRECTORY PATH: another file system over it
    if (unshare(CLONE_NEWNS) < 0 || mount("none", a[0], "tmpfs", 0, NULL) < 0) return errno;
    return result(open(a[1], O_WRONLY | O_CREAT, 0644));
  }
  if (strcmp(what, "overlay") == 0) {  // overlay LOWER WORK MOUNTPOINT PATH
    char options[512];
    snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/u,workdir=%s/w", a[0], a[1], a[1]);
    if (unshare(CLONE_NEWNS) < 0 || mount("o", a[2], "overlay", 0, options) < 0) return errno;
    return result(open(a[3], O_RDONLY));
  }
  if (strcmp(what, "userns") == 0) {  // userns FROM TO PATH: bind mount in a namespace of its own
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return errno;
    if (mount(a[0], a[1], NULL, MS_BIND | MS_REC, NULL) < 0) return errno;
    return result(open(a[2], O_RDONLY));
  }
  if (strcmp(what, "exec") == 0) {
    execv(a[0], a);
    return errno;
  }
  return ENOSYS;
}
