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

/* A step function's view of a peer's match. */
struct peer_step {
  struct usher_sets* sets;
  struct usher_peer* peer;
  const struct usher_profile* profile;
  const struct usher_key* key;
  u32 kind;
  u32 reserved;
};

/* The address's block of i leading bits, if a rule names a block of that length. */
static int address_step(u32 i, struct peer_step* step) {
  const struct usher_profile* p = step->profile;
  const struct usher_peer* peer = step->peer;
  u32 kind = step->kind;
  u64 key;
  u64 vecs;
  if (!peer || !step->sets || i > 128) return 1;
  const struct usher_kind* k = kind_of(p, kind);
  if (peer->family == AF_INET) {
    if (i > 32) return 1;
    if (!(k->lengths_v4 >> (i & 63) & 1)) return 0;
    u32 block = leading(peer->low << 32, i) >> 32;
    key = usher_v4_key(step->key, kind, block, i);
  } else {
    u64 word = i / 64;
    BOUND(word, 3);
    if (!(k->lengths_v6[word] >> (i & 63) & 1)) return 0;
    u64 high = leading(peer->high, i > 64 ? 64 : i);
    u64 low = leading(peer->low, i > 64 ? i - 64 : 0);
    key = usher_v6_key(step->key, kind, high, low, i);
  }
  if (find_node(p, key, &vecs))
    usher_gather(step->sets, p->vectors, vecs & NODE_EXACT_BOTH, USHER_SET_RESOLVED);
  return 0;
}

/* The port's block of i leading bits. */
static int port_step(u32 i, struct peer_step* step) {
  const struct usher_profile* p = step->profile;
  u64 vecs;
  if (!step->peer || !step->sets || i > 16) return 1;
  if (!(kind_of(p, step->kind)->lengths_port >> i & 1)) return 0;
  u32 block = step->peer->port >> (16 - i) << (16 - i);
  if (find_node(p, usher_port_key(step->key, step->kind, block, i), &vecs))
    usher_gather(step->sets, p->vectors, vecs & NODE_EXACT, USHER_SET_REQUESTED);
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
  const struct usher_config* c = node_config();
  u64 vecs;
  if (!s || !peer || !p || !c) return USHER_ALLOWED;
  const struct usher_kind* k = kind_of(p, kind);
  if (!(k->flags & USHER_KIND_RULED)) return USHER_ALLOWED;
  u32 vectors = p->vectors;
  struct peer_step step = {.sets = s, .peer = peer, .profile = p, .key = &c->key, .kind = kind};
  clear_set(s, USHER_SET_RESOLVED);
  clear_set(s, USHER_SET_EXCEPT);
  usher_join(s, vectors + k->vec_any_address, USHER_SET_RESOLVED);
  bpf_loop(129, address_step, &step, 0);

  clear_set(s, USHER_SET_REQUESTED);
  usher_join(s, vectors + k->vec_any_port, USHER_SET_REQUESTED);
  bpf_loop(17, port_step, &step, 0);
  keep_common(s);

  clear_set(s, USHER_SET_REQUESTED);
  usher_join(s, vectors + k->vec_any_protocol, USHER_SET_REQUESTED);
  if (find_node(p, usher_protocol_key(&c->key, kind, peer->protocol), &vecs))
    usher_gather(s, vectors, vecs & NODE_EXACT, USHER_SET_REQUESTED);
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
static __always_inline u32 socket_type_rule(const struct usher_profile* p, u32 profile, u32* kind) {
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
