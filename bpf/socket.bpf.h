/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Connect and bind: addresses brought to one form, and which rules they meet. */
#ifndef USHER_SOCKET_BPF_H
#define USHER_SOCKET_BPF_H

#include "verdict.bpf.h"

/* An address in host order; IPv4 in `low`'s lower half. */
struct usher_peer {
  u64 high;
  u64 low;
  u16 port;
  u8 family; /* AF_INET or AF_INET6, after normalisation */
  u8 protocol;
  u32 reserved;
};

#define V4_LOOPBACK 0x7f000001u

/* IPv4 in IPv6 is IPv4; a destination that is not specified is the loopback. */
static __always_inline void normalise(struct usher_peer* peer, u32 kind) {
  if (peer->family == AF_INET6 && peer->high == 0 && peer->low >> 32 == 0xffff) {
    peer->family = AF_INET;
    peer->low &= 0xffffffff;
  }
  if (kind != USHER_CONNECT) return;
  if (peer->family == AF_INET && peer->low == 0) peer->low = V4_LOOPBACK;
  if (peer->family == AF_INET6 && peer->high == 0 && peer->low == 0) peer->low = 1;
}

static __always_inline u64 leading(u64 half, u32 bits) {
  return bits == 0 ? 0 : bits >= 64 ? half : half & ~(~0ull >> bits);
}

/* set[RESOLVED] |= rules that name a block that the address is in; excepts likewise. */
__noinline int usher_match_address(struct usher_sets* s, struct usher_peer* peer, u32 profile,
                                   u32 kind) {
  const struct usher_profile* p = profile_of(profile);
  const struct usher_config* c = node_config();
  u64 vecs;
  if (!s || !peer || !p || !c) return 0;
  const struct usher_kind* k = kind_of(p, kind);
  if (peer->family == AF_INET) {
    u64 lengths = k->lengths_v4;
    u32 address = peer->low;
    for (u32 n = 0; n <= 32; n++) {
      if (!(lengths >> n & 1)) continue;
      u32 block = n ? address & ~0u << ((32 - n) & 31) : 0;
      if (find_node(p, usher_v4_key(&c->key, kind, block, n), &vecs))
        usher_gather(s, p->vectors, vecs & NODE_EXACT_BOTH, USHER_SET_RESOLVED);
    }
    return 0;
  }
  for (u32 n = 0; n <= 128; n++) {
    if (!(k->lengths_v6[n / 64] >> (n & 63) & 1)) continue;
    u64 high = leading(peer->high, n > 64 ? 64 : n);
    u64 low = leading(peer->low, n > 64 ? n - 64 : 0);
    if (find_node(p, usher_v6_key(&c->key, kind, high, low, n), &vecs))
      usher_gather(s, p->vectors, vecs & NODE_EXACT_BOTH, USHER_SET_RESOLVED);
  }
  return 0;
}

/* set[REQUESTED] = rules that name the port, or (with `protocol`) the protocol. */
__noinline int usher_match_port(struct usher_sets* s, struct usher_peer* peer, u32 profile,
                                u32 kind) {
  const struct usher_profile* p = profile_of(profile);
  const struct usher_config* c = node_config();
  u64 vecs;
  if (!s || !peer || !p || !c) return 0;
  const struct usher_kind* k = kind_of(p, kind);
  clear_set(s, USHER_SET_REQUESTED);
  usher_join(s, p->vectors + k->vec_any_port, USHER_SET_REQUESTED);
  u32 lengths = k->lengths_port;
  u32 port = peer->port;
  for (u32 n = 0; n <= 16; n++) {
    if (!(lengths >> n & 1)) continue;
    u32 block = port >> (16 - n) << (16 - n);
    if (find_node(p, usher_port_key(&c->key, kind, block, n), &vecs))
      usher_gather(s, p->vectors, vecs & NODE_EXACT, USHER_SET_REQUESTED);
  }
  return 0;
}

__noinline int usher_match_protocol(struct usher_sets* s, u32 protocol, u32 profile, u32 kind) {
  const struct usher_profile* p = profile_of(profile);
  const struct usher_config* c = node_config();
  u64 vecs;
  if (!s || !p || !c) return 0;
  const struct usher_kind* k = kind_of(p, kind);
  clear_set(s, USHER_SET_REQUESTED);
  usher_join(s, p->vectors + k->vec_any_protocol, USHER_SET_REQUESTED);
  if (find_node(p, usher_protocol_key(&c->key, kind, protocol), &vecs))
    usher_gather(s, p->vectors, vecs & NODE_EXACT, USHER_SET_REQUESTED);
  return 0;
}

static __always_inline void keep_common(struct usher_sets* s) {
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++)
    s->set[USHER_SET_RESOLVED][i] &= s->set[USHER_SET_REQUESTED][i];
}

/* The decision of connect or bind for a normalised peer. `actor`: see usher_decide. */
__noinline u64 usher_judge_peer(struct usher_sets* s, struct usher_task* actor,
                                struct usher_peer* peer, u32 profile, u32 kind) {
  const struct usher_profile* p = profile_of(profile);
  if (!s || !peer || !p) return USHER_ALLOWED;
  const struct usher_kind* k = kind_of(p, kind);
  if (!(k->flags & USHER_KIND_RULED)) return USHER_ALLOWED;
  clear_set(s, USHER_SET_RESOLVED);
  clear_set(s, USHER_SET_EXCEPT);
  usher_join(s, p->vectors + k->vec_any_address, USHER_SET_RESOLVED);
  usher_match_address(s, peer, profile, kind);
  usher_match_port(s, peer, profile, kind);
  keep_common(s);
  usher_match_protocol(s, peer->protocol, profile, kind);
  keep_common(s);
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++)
    s->set[USHER_SET_RESOLVED][i] &= ~s->set[USHER_SET_EXCEPT][i];
  return usher_decide(s, actor, profile, kind, MET_RESOLVED);
}

/* Can a socket of this sort be judged by its addresses at all? */
static __always_inline bool judgeable_socket(u32 family, u32 type, u32 protocol) {
  if (family == AF_UNIX || family == AF_NETLINK) return true;
  if (family != AF_INET && family != AF_INET6) return false;
  if (type == SOCK_STREAM) return protocol == 0 || protocol == IPPROTO_TCP;
  if (type == SOCK_DGRAM) return protocol == 0 || protocol == IPPROTO_UDP;
  return false;
}

/* The rule by which sockets that cannot be judged are refused; its kind in *kind. 0: none is. */
static __always_inline u32 socket_type_rule(const struct usher_profile* p, u32 profile,
                                            u32* kind) {
  if (p->kind[USHER_CONNECT].flags & USHER_KIND_DENIES)
    *kind = USHER_CONNECT;
  else if (p->kind[USHER_BIND].flags & USHER_KIND_DENIES)
    *kind = USHER_BIND;
  else
    return USHER_RULE_NONE;
  u32 rule = usher_denying_rule(profile, *kind);
  return rule ? rule : USHER_RULE_SOCKET_TYPE;
}

#endif
