/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The LSM backend's socket hooks. */
#ifndef USHER_LSM_SOCKET_BPF_H
#define USHER_LSM_SOCKET_BPF_H

#include "check.bpf.h"

/* Carries a decision over a peer out; the hook's return value. */
static __always_inline int refuse_peer(struct usher_peer* peer, u32 workload, u64 decision,
                                       u32 kind, u32 flags) {
  u32 verdict = usher_settle_peer(peer, workload, decision, kind, flags);
  if (verdict == USHER_KILLED) bpf_send_signal(SIGKILL);
  return answer(verdict >= USHER_DENIED);
}

/* A socket of a type that no address rule can hold, under rules that deny. */
static __always_inline int refuse_type(u32 workload, u32 profile, u32 family, u32 protocol) {
  const struct usher_profile* p = profile_of(profile);
  u32 kind = USHER_CONNECT;
  if (!p) return 0;
  u32 rule = socket_type_rule(p, profile, &kind);
  if (!rule) return 0;
  struct usher_peer peer = {.family = family, .protocol = protocol};
  return refuse_peer(&peer, workload, DECISION(USHER_DENIED, rule), kind, USHER_EVENT_SOCKET_TYPE);
}

/* The address at a kernel pointer, as a socket of `family` understands it. False: it names no peer
 * (a disconnect, or something that the kernel itself refuses). */
static __always_inline bool read_peer(struct usher_peer* peer, u32 family, const void* address,
                                      int length, bool unspec_is_v4) {
  u16 given = 0;
  u16 port = 0;
  if (length < 2 || bpf_probe_read_kernel(&given, 2, address)) return false;
  if (given == AF_UNSPEC && unspec_is_v4 && family == AF_INET) given = AF_INET;
  if (given == AF_INET) {
    u32 v4 = 0;
    if (length < 16 || bpf_probe_read_kernel(&v4, 4, address + 4)) return false;
    peer->low = __builtin_bswap32(v4);
    peer->high = 0;
  } else if (given == AF_INET6 && family == AF_INET6) {
    u64 v6[2] = {};
    if (length < 24 || bpf_probe_read_kernel(v6, 16, address + 8)) return false;
    peer->high = __builtin_bswap64(v6[0]);
    peer->low = __builtin_bswap64(v6[1]);
  } else {
    return false;
  }
  bpf_probe_read_kernel(&port, 2, address + 2);
  peer->port = __builtin_bswap16(port);
  peer->family = given;
  return true;
}

/* The address that a socket has, and no port yet. */
static __always_inline void read_own(struct usher_peer* peer, struct sock* sk, u32 family) {
  u64 v6[2] = {};
  peer->family = family;
  if (family == AF_INET) {
    peer->low = __builtin_bswap32(sk->__sk_common.skc_rcv_saddr);
    return;
  }
  bpf_probe_read_kernel(
      v6, 16, (void*)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr));
  peer->high = __builtin_bswap64(v6[0]);
  peer->low = __builtin_bswap64(v6[1]);
}

/* No address: the socket's own. */
static __always_inline int check_socket(struct socket* sock, const void* address, int length,
                                        u32 kind, bool unspec_is_v4) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t) return 0;
  u32 index = t->workload;
  struct usher_workload* w = judged_workload(index);
  if (!w) return 0;
  u32 profile = w->profile;
  const struct usher_profile* p = profile_of(profile);
  struct sock* sk = sock->sk;
  if (!p || !sk) return 0;
  u32 family = sk->__sk_common.skc_family;
  u32 protocol = sk->sk_protocol;
  /* any other family: made before the policy, handed over, or turned into it (TCP_ULP) */
  if (family == AF_UNIX || family == AF_NETLINK) return 0;
  if (!judgeable_socket(family, sk->sk_type, protocol))
    return refuse_type(index, profile, family, protocol);
  if (!(kind_of(p, kind)->flags & USHER_KIND_RULED)) return 0;
  struct usher_peer peer = {.protocol = protocol};
  if (!address)
    read_own(&peer, sk, family);
  else if (!read_peer(&peer, family, address, length, unspec_is_v4))
    return 0;
  normalise(&peer, kind);
  struct usher_scratch* s = scratch_of(task);
  if (!s) return answer(kind_of(p, kind)->flags & USHER_KIND_DENIES);
  u64 d = usher_judge_peer(&s->sets, t, &peer, profile, kind);
  return refuse_peer(&peer, index, d, kind, 0);
}

SEC("lsm/socket_create")
int BPF_PROG(usher_socket_create, int family, int type, int protocol, int kern) {
  if (kern || judgeable_socket(family, type, protocol)) return 0;
  struct usher_task* t = identity_of(bpf_get_current_task_btf());
  if (!t) return 0;
  struct usher_workload* w = judged_workload(t->workload);
  return w ? refuse_type(t->workload, w->profile, family, protocol) : 0;
}

SEC("lsm/socket_connect")
int BPF_PROG(usher_socket_connect, struct socket* sock, struct sockaddr* address, int length) {
  return check_socket(sock, address, length, USHER_CONNECT, false);
}

/* Also TCP fast open: a connect by another name. On an IPv4 socket the kernel reads an address of
 * AF_UNSPEC as IPv4 here. */
SEC("lsm/socket_sendmsg")
int BPF_PROG(usher_socket_sendmsg, struct socket* sock, struct msghdr* msg, int size) {
  const void* address = msg->msg_name;
  if (!address) return 0;
  return check_socket(sock, address, msg->msg_namelen, USHER_CONNECT, true);
}

SEC("lsm/socket_bind")
int BPF_PROG(usher_socket_bind, struct socket* sock, struct sockaddr* address, int length) {
  return check_socket(sock, address, length, USHER_BIND, true);
}

/* Who listens without a port gets one of the kernel's choice: a bind to port 0 by another name. */
SEC("lsm/socket_listen")
int BPF_PROG(usher_socket_listen, struct socket* sock, int backlog) {
  struct sock* sk = sock->sk;
  if (!sk || sk->__sk_common.skc_num) return 0;
  return check_socket(sock, 0, 0, USHER_BIND, false);
}

#endif
