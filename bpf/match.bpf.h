/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which rules a file's name meets: a few look-ups, however many rules there are. */
#ifndef USHER_MATCH_BPF_H
#define USHER_MATCH_BPF_H

#include "verdict.bpf.h"

/* The first `length` bytes (1..8) of a word. */
static __always_inline u64 first_bytes(u64 word, u32 length) {
  return word & (~0ull >> ((64 - 8 * length) & 63));
}

/* The hash of `length` bytes (1..255) at a kernel address; 0 when they cannot be read. */
__noinline u64 usher_hash_bytes(struct usher_scratch* s, u64 address, u32 length) {
  const struct usher_config* c = node_config();
  if (!s || !c || length == 0 || length > 255) return 0;
  /* &: 6.1 does not see through the comparison */
  if (bpf_probe_read_kernel(s->words, length & 0xff, (void*)address)) return 0;
  struct usher_lanes lanes;
  usher_hash_begin(&c->key, &lanes);
  for (u32 i = 0; i < USHER_NAME_WORDS; i++) {
    if (i * 8 >= length) break;
    u64 word = s->words[i];
    u32 left = length - i * 8;
    if (left < 8) word = first_bytes(word, left);
    usher_hash_word(&c->key, &lanes, word);
  }
  return usher_hash_end(&c->key, &lanes, length);
}

/* Prefix rules in `directory` (its fold), of the lengths whose bit is set; 1 if any was met. */
__noinline u32 usher_match_prefixes(struct usher_scratch* s, u32 profile, u64 directory,
                                    u64 lengths, u32 which) {
  const struct usher_profile* p = profile_of(profile);
  const struct usher_config* c = node_config();
  u64 vecs;
  u32 met = 0;
  if (!s || !p || !c || which > USHER_SET_REQUESTED) return 0;
  u64 length = s->name[which].leaf_len;
  u64 leaf = s->name[which].leaf;
  if (length > 63) length = 63;
  if (length == 0 || bpf_probe_read_kernel(s->words, length & 63, (void*)leaf)) return 0;
  struct usher_lanes lanes;
  usher_hash_begin(&c->key, &lanes);
  for (u32 i = 0; i < 63; i++) {
    u32 n = i + 1;
    if (n > length) break;
    u64 word = s->words[i / 8];
    if (lengths >> n & 1) {
      struct usher_lanes here = lanes;
      usher_hash_word(&c->key, &here, first_bytes(word, (i & 7) + 1));
      u64 h = usher_hash_end(&c->key, &here, n);
      if (find_node(p, usher_prefix_key(&c->key, directory, h), &vecs)) {
        usher_gather(&s->sets, p->vectors, vecs & NODE_EXACT_BOTH, which);
        met = 1;
      }
    }
    if ((i & 7) == 7) usher_hash_word(&c->key, &lanes, word);
  }
  return met;
}

/*
 * Leaves in sets.set[which] the rules of `kind` that hold at name[which], what their excepts take
 * back left out. 0: none was met, and the set was not touched.
 */
__noinline u32 usher_match(struct usher_scratch* s, u32 profile, u32 kind, u32 which) {
  const struct usher_profile* p = profile_of(profile);
  const struct usher_config* c = node_config();
  if (!s || !p || !c || which > USHER_SET_REQUESTED) return 0;
  const struct usher_kind* k = kind_of(p, kind);
  const struct usher_name* name = &s->name[which];
  u32 flags = k->flags;
  u32 depth = name->depth;
  u32 turn = name->turn;
  u32 met = 0;
  u32 found = 0; /* components whose node is there */
  u64 vecs = 0;
  u64 fold = usher_root(&c->key, kind);
  u64 parent = fold;

  if (find_node(p, fold, &vecs)) {
    u32 i = 0;
    for (;;) {
      if (i != depth) vecs &= NODE_TREE_BOTH;
      if (vecs) {
        if (!met) {
          clear_set(&s->sets, which);
          clear_set(&s->sets, USHER_SET_EXCEPT);
        }
        met = 1;
        usher_gather(&s->sets, p->vectors, vecs, which);
      }
      found = i;
      i++;
      if (i > depth || i > USHER_MAX_DEPTH) break;
      parent = fold;
      fold = usher_fold(&c->key, fold, name->hash[(turn - i) & (USHER_MAX_DEPTH - 1)]);
      if (!find_node(p, fold, &vecs)) break;
    }
  } else {
    found = ~0u;
  }
  if (depth > 0 && flags & USHER_KIND_BASE &&
      find_node(p, usher_base_key(&c->key, kind, name->base), &vecs)) {
    if (!met) {
      clear_set(&s->sets, which);
      clear_set(&s->sets, USHER_SET_EXCEPT);
    }
    met = 1;
    usher_gather(&s->sets, p->vectors, vecs & NODE_EXACT_BOTH, which);
  }
  if (depth > 0 && depth <= USHER_MAX_DEPTH && flags & USHER_KIND_PREFIX && found != ~0u &&
      found + 1 >= depth && find_node(p, usher_prefix_set_key(&c->key, parent), &vecs)) {
    if (!met) {
      clear_set(&s->sets, which);
      clear_set(&s->sets, USHER_SET_EXCEPT);
    }
    met |= usher_match_prefixes(s, profile, parent, vecs, which);
  }
  if (!met) return 0;
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++)
    s->sets.set[which][i] &= ~s->sets.set[USHER_SET_EXCEPT][i];
  return 1;
}

/* A requested name read as the image's merged /usr has it: /bin/x is /usr/bin/x. */
static __always_inline void read_merged(struct usher_name* name, u32 merged) {
  const struct usher_config* c = node_config();
  if (!c || !merged || name->depth == 0) return;
  u64 first = name->hash[(name->turn - 1) & (USHER_MAX_DEPTH - 1)];
  bool rewrite = false;
#pragma unroll
  for (int i = 0; i < 6; i++)
    if (merged >> i & 1 && first == c->merged_hash[i]) rewrite = true;
  if (!rewrite) return;
  name->turn++;
  name->depth++;
  name->hash[(name->turn - 1) & (USHER_MAX_DEPTH - 1)] = c->usr_hash;
}

/* Decides `kind` for name[0], and for exec name[1] too where `requested` says that it is there. */
static __always_inline u64 judge_name(struct usher_scratch* s, struct usher_task* actor,
                                      u32 profile, const struct usher_kind* k, u32 kind,
                                      bool requested) {
  u32 how = 0;
  u32 state = s->name[USHER_SET_RESOLVED].state;
  if (state == USHER_NAME_ANONYMOUS && k->flags & USHER_KIND_ANON_ALLOW)
    how |= MET_ALLOWED;
  else if (state != USHER_NAME_KNOWN)
    how |= MET_UNKNOWN;
  else if (usher_match(s, profile, kind, USHER_SET_RESOLVED))
    how |= MET_RESOLVED;
  if (requested && usher_match(s, profile, kind, USHER_SET_REQUESTED)) how |= MET_REQUESTED;
  if (!how) return default_decision(k);
  return usher_decide(&s->sets, actor, profile, kind, how);
}

#endif
