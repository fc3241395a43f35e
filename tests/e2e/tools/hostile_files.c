/* Files: descriptors, links and races instead of names, and what is written beside the content. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hostile.h"

/* reopen PATH: O_PATH, then by /proc/self/fd. */
int do_reopen(const char* path) {
  char name[64];
  const int fd = open(path, O_PATH);
  if (fd < 0) return broken(path);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return verdict("reopen", open(name, O_RDONLY));
}

/* deleted PATH: the same with the file deleted meanwhile. */
int do_deleted(const char* path) {
  char name[64];
  const int fd = open(path, O_PATH);
  if (fd < 0) return broken(path);
  if (unlink(path) != 0) return broken("unlink");
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return verdict("reopen", open(name, O_RDONLY));
}

/* link-fd PATH NEW, link-proc PATH NEW: hard links of a descriptor. */
int do_link(const char* path, const char* to, int proc) {
  char name[64];
  const int fd = open(path, O_PATH);
  if (fd < 0) return broken(path);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  if (proc) return verdict("link", linkat(AT_FDCWD, name, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
  return verdict("link", linkat(fd, "", AT_FDCWD, to, AT_EMPTY_PATH));
}

/* tmpfile DIR NEW: a file without a name, linked to NEW. */
int do_tmpfile(const char* dir, const char* to) {
  char name[64];
  const int fd = open(dir, O_TMPFILE | O_RDWR, 0644);
  if (fd < 0) return verdict("tmpfile", -1);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return verdict("link", linkat(AT_FDCWD, name, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
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
int do_swap(const char* link, const char* a, const char* b) {
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

/* xattr PATH, acl PATH (one that gives all to everyone), chattr PATH (no dump) */
int do_xattr(const char* path) {
  return verdict("setxattr", setxattr(path, "user.x", "1", 1, 0));
}
int do_acl(const char* path) {
  static const unsigned short acl[] = {2, 0,      1,      7,  0xffff, 0xffff, 4,
                                       7, 0xffff, 0xffff, 32, 7,      0xffff, 0xffff};
  return verdict("acl", setxattr(path, "system.posix_acl_access", acl, sizeof acl, 0));
}
int do_chattr(const char* path) {
  const int fd = open(path, O_RDONLY);
  int flags = 0;
  if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return broken(path);
  flags |= FS_NODUMP_FL;
  return verdict("chattr", ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

/* long DIR LEVELS NAME: opens NAME below LEVELS directories whose names are 255 bytes long. */
int do_long(const char* dir, int levels, const char* file) {
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
