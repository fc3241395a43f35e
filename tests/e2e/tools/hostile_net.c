/* Sockets, and io_uring's workers for sockets and files. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

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
int do_uring(const char* what, char** argv) {
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
int do_net(const char* what, char** argv) {
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
