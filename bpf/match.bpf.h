/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which rules a file's name meets: a few look-ups, however many rules there are. */
#ifndef USHER_MATCH_BPF_H
#define USHER_MATCH_BPF_H

#include "verdict.bpf.h"

static __always_inline struct usher_name* name_at(struct usher_scratch* s, u32 which) {
  u64 at = which;
  BOUND(at, 2);
  return &s->name[at];
}

/* The first `length` bytes (1..8) of a word. */
static __always_inline u64 first_bytes(u64 word, u32 length) {
  return word & (~0ull >> ((64 - 8 * length) & 63));
}

/* The hash of `length` bytes (1..255) at a kernel address; 0 when they cannot be read. */
__noinline u64 usher_hash_bytes(struct usher_scratch* s, u64 address, u32 length) {
  const struct usher_config* c = node_config();
  if (!s || !c || length == 0 || length > 255) return 0;
  u64 size = length;
  MASK(size, 0xff);
  if (bpf_probe_read_kernel(s->words, size, (void*)address)) return 0;
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

/* A step function's view of a prefix match. */
struct prefix_step {
  struct usher_scratch* scratch;
  u64 directory;
  u64 lengths;
  u32 profile;
  u32 which;
  u32 met;
  u32 reserved;
};

static int prefix_step(u32 i, struct prefix_step* step) {
  struct usher_scratch* s = step->scratch;
  const struct usher_profile* p = profile_of(step->profile);
  const struct usher_config* c = node_config();
  u32 which = step->which;
  u64 vecs;
  u32 n = i + 1;
  if (!s || !p || !c || n > name_at(s, which)->leaf_len) return 1;
  u64 word = s->words[i / 8 & (USHER_NAME_WORDS - 1)];
  struct usher_lanes lanes = {s->walk.lane_a, s->walk.lane_b};
  if (step->lengths >> (n & 63) & 1) {
    struct usher_lanes here = lanes;
    usher_hash_word(&c->key, &here, first_bytes(word, (i & 7) + 1));
    u64 h = usher_hash_end(&c->key, &here, n);
    if (find_node(p, usher_prefix_key(&c->key, step->directory, h), &vecs)) {
      usher_gather(&s->sets, p->vectors, vecs & NODE_EXACT_BOTH, which);
      step->met = 1;
    }
  }
  if ((i & 7) == 7) {
    usher_hash_word(&c->key, &lanes, word);
    s->walk.lane_a = lanes.a;
    s->walk.lane_b = lanes.b;
  }
  return 0;
}

/* Prefix rules in `directory` (its fold), of the lengths whose bit is set; 1 if any was met. */
__noinline u32 usher_match_prefixes(struct usher_scratch* s, u32 profile, u64 directory,
                                    u64 lengths, u32 which) {
  const struct usher_config* c = node_config();
  if (!s || !c) return 0;
  u64 length = name_at(s, which)->leaf_len;
  if (length > 63) length = 63;
  MASK(length, 63);
  if (length == 0 || bpf_probe_read_kernel(s->words, length, (void*)name_at(s, which)->leaf))
    return 0;
  struct usher_lanes lanes;
  usher_hash_begin(&c->key, &lanes);
  s->walk.lane_a = lanes.a;
  s->walk.lane_b = lanes.b;
  struct prefix_step step = {
      .scratch = s, .directory = directory, .lengths = lengths, .profile = profile, .which = which};
  bpf_loop(63, prefix_step, &step, 0);
  return step.met;
}

/* A step function's view of the walk through the table. */
struct tree_step {
  struct usher_scratch* scratch;
  const struct usher_profile* profile;
  const struct usher_key* key;
  u64 fold;   /* of the components taken so far */
  u64 parent; /* of the directory that holds the name, if `within` */
  u32 which;
  u32 met;    /* a rule was met */
  u32 within; /* the node of that directory is there */
  u32 reserved;
};

/* The node after i components: what it says, then one component more. */
static int tree_step(u32 i, struct tree_step* step) {
  struct usher_scratch* s = step->scratch;
  u32 which = step->which;
  u64 vecs;
  if (!s) return 1;
  const struct usher_name* name = name_at(s, which);
  u64 fold = step->fold;
  if (!find_node(step->profile, fold, &vecs)) return 1;
  u32 left = name->depth - i;
  if (left) vecs &= NODE_TREE_BOTH;
  if (vecs) {
    if (!step->met) {
      clear_set(&s->sets, which);
      clear_set(&s->sets, USHER_SET_EXCEPT);
    }
    step->met = 1;
    usher_gather(&s->sets, step->profile->vectors, vecs, which);
  }
  if (!left) return 1;
  if (left == 1) {
    step->parent = fold;
    step->within = 1;
  }
  step->fold =
      usher_fold(step->key, fold, name->hash[(name->turn - i - 1) & (USHER_MAX_DEPTH - 1)]);
  return 0;
}

/*
 * Leaves in sets.set[which] the rules of `kind` that hold at name[which], what their excepts take
 * back left out. 0: none was met, and the set was not touched.
 */
__noinline u32 usher_match(struct usher_scratch* s, u32 profile, u32 kind, u32 which) {
  const struct usher_profile* p = profile_of(profile);
  const struct usher_config* c = node_config();
  if (!s || !p || !c) return 0;
  u32 flags = kind_of(p, kind)->flags;
  u64 vecs;
  struct tree_step step = {.scratch = s,
                           .profile = p,
                           .key = &c->key,
                           .fold = usher_root(&c->key, kind),
                           .which = which};
  bpf_loop(USHER_MAX_DEPTH + 1, tree_step, &step, 0);
  u32 met = step.met;
  if (flags & (USHER_KIND_BASE | USHER_KIND_PREFIX) && name_at(s, which)->depth > 0) {
    if (!met) {
      clear_set(&s->sets, which);
      clear_set(&s->sets, USHER_SET_EXCEPT);
    }
    if (flags & USHER_KIND_BASE &&
        find_node(p, usher_base_key(&c->key, kind, name_at(s, which)->base), &vecs)) {
      met = 1;
      usher_gather(&s->sets, p->vectors, vecs & NODE_EXACT_BOTH, which);
    }
    if (flags & USHER_KIND_PREFIX && step.within && name_at(s, which)->depth <= USHER_MAX_DEPTH &&
        find_node(p, usher_prefix_set_key(&c->key, step.parent), &vecs))
      met |= usher_match_prefixes(s, profile, step.parent, vecs, which);
  }
  if (!met) return 0;
  u64* set = set_at(&s->sets, which);
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++) set[i] &= ~s->sets.set[USHER_SET_EXCEPT][i];
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
