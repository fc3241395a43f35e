/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The keyed hash by which paths, addresses and ports become keys of a profile's table. The kernel
 * programs and the agent include the same code.
 *
 * A component (a name between slashes) is taken in little-endian 8-byte words, the last one padded
 * with zero bytes: names have no NUL, so the padding says nothing wrong. Two lanes are kept: one
 * that an author of names could steer alone would let pairs collide whatever the key. A path's fold
 * runs from the root to the leaf; every ancestor directory of a rule is a node of its own, so a
 * walk stops at the first component that is not in the table.
 *
 * This is no cryptographic hash. It keeps names from being chosen offline so that they collide with
 * a rule's: the key is 256 secret bits that no container can read (docs/threat-model.md).
 */
#ifndef USHER_HASH_H
#define USHER_HASH_H

#include "usher_bpf.h"

#ifdef __bpf__
#define USHER_INLINE static __attribute__((always_inline)) inline
#else
#define USHER_INLINE static inline
#endif

struct usher_lanes {
  __u64 a;
  __u64 b;
};

USHER_INLINE void usher_hash_begin(const struct usher_key* k, struct usher_lanes* l) {
  l->a = k->seed;
  l->b = k->mul3;
}

USHER_INLINE void usher_hash_word(const struct usher_key* k, struct usher_lanes* l, __u64 word) {
  l->a = (l->a ^ word) * k->mul1;
  l->a ^= l->a >> 32;
  l->b = (l->b + l->a) * k->mul2;
  l->b ^= l->b >> 29;
}

USHER_INLINE __u64 usher_hash_end(const struct usher_key* k, const struct usher_lanes* l,
                                  __u32 length) {
  __u64 h = (l->a ^ l->b) + length;
  h *= k->mul3;
  return h ^ (h >> 32);
}

/* One more component under `fold`. Never 0 but by chance of 2^-64. */
USHER_INLINE __u64 usher_fold(const struct usher_key* k, __u64 fold, __u64 component) {
  __u64 h = (fold ^ component) * k->mul1;
  h ^= h >> 32;
  h = (h + component) * k->mul2;
  return h ^ (h >> 29);
}

/* What a key speaks of, so that no two uses can meet. Path trees: usher_root(kind) is the fold of
 * "/"; an exact path or directory's node has the fold itself as its key. The others: */
enum {
  USHER_TAG_ROOT = 1,        /* + kind: the fold of "/" */
  USHER_TAG_BASE = 17,       /* fold = usher_root(kind), component = hash of the base name */
  USHER_TAG_PREFIX_SET = 33, /* fold = the directory's; vec[0..3] together is a u64: bit n = some
                                prefix of n bytes exists here, n = 1..63 */
  USHER_TAG_PREFIX = 34, /* fold = the directory's, component = usher_hash of the first n bytes */
  USHER_TAG_FROM = 35,   /* + kind: fold = that of the program's path or directory, seeded by
                            usher_program_root */
  USHER_TAG_FROM_BASE = 51, /* + kind: component = hash of the program's base name */
  USHER_TAG_V4 = 67,        /* + kind: component = address << 8 | length */
  USHER_TAG_V6 = 83,        /* + kind: component = high, low, length folded one after the other */
  USHER_TAG_PORT = 99,      /* + kind: component = port << 8 | length of block (0..16) */
  USHER_TAG_PROTOCOL = 115, /* + kind: component = IPPROTO_* */
  USHER_TAG_PROGRAM = 131,  /* the fold of "/" for programs; the same in every profile */
};

USHER_INLINE __u64 usher_tag(const struct usher_key* k, __u64 fold, __u32 tag) {
  return usher_fold(k, fold, (__u64)tag * 0x9e3779b97f4a7c15ull);
}

USHER_INLINE __u64 usher_root(const struct usher_key* k, __u32 kind) {
  return usher_tag(k, k->seed, USHER_TAG_ROOT + kind);
}

USHER_INLINE __u64 usher_program_root(const struct usher_key* k) {
  return usher_tag(k, k->seed, USHER_TAG_PROGRAM);
}

USHER_INLINE __u64 usher_base_key(const struct usher_key* k, __u32 kind, __u64 component) {
  return usher_fold(k, usher_tag(k, k->seed, USHER_TAG_BASE + kind), component);
}

USHER_INLINE __u64 usher_prefix_set_key(const struct usher_key* k, __u64 directory) {
  return usher_tag(k, directory, USHER_TAG_PREFIX_SET);
}

USHER_INLINE __u64 usher_prefix_key(const struct usher_key* k, __u64 directory, __u64 component) {
  return usher_fold(k, usher_tag(k, directory, USHER_TAG_PREFIX), component);
}

USHER_INLINE __u64 usher_from_key(const struct usher_key* k, __u32 kind, __u64 program_fold) {
  return usher_tag(k, program_fold, USHER_TAG_FROM + kind);
}

USHER_INLINE __u64 usher_from_base_key(const struct usher_key* k, __u32 kind, __u64 component) {
  return usher_fold(k, usher_tag(k, k->seed, USHER_TAG_FROM_BASE + kind), component);
}

/* address in host order, its bits beyond `length` zero */
USHER_INLINE __u64 usher_v4_key(const struct usher_key* k, __u32 kind, __u32 address,
                                __u32 length) {
  return usher_fold(k, usher_tag(k, k->seed, USHER_TAG_V4 + kind), (__u64)address << 8 | length);
}

/* high and low: the address's halves in host order, bits beyond `length` zero */
USHER_INLINE __u64 usher_v6_key(const struct usher_key* k, __u32 kind, __u64 high, __u64 low,
                                __u32 length) {
  __u64 h = usher_tag(k, k->seed, USHER_TAG_V6 + kind);
  h = usher_fold(k, h, high);
  h = usher_fold(k, h, low);
  return usher_fold(k, h, length);
}

USHER_INLINE __u64 usher_port_key(const struct usher_key* k, __u32 kind, __u32 port, __u32 length) {
  return usher_fold(k, usher_tag(k, k->seed, USHER_TAG_PORT + kind), (__u64)port << 8 | length);
}

USHER_INLINE __u64 usher_protocol_key(const struct usher_key* k, __u32 kind, __u32 protocol) {
  return usher_fold(k, usher_tag(k, k->seed, USHER_TAG_PROTOCOL + kind), protocol);
}

USHER_INLINE __u32 usher_bucket_of(__u64 key, __u64 salt, __u32 mask) {
  __u64 h = (key ^ salt) * 0x9e3779b97f4a7c15ull;
  return (__u32)(h >> 32) & mask;
}

#endif
