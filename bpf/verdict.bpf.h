/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From rules that were met to a decision: the arithmetic of docs/policy-reference.md. Shared by the
 * LSM, the tracepoint and the test programs, so that what is tested is what decides.
 *
 * Functions without `static` are verified once each, by themselves; the verifier knows nothing of
 * what they return, hence the packed result (usher_decision).
 */
#ifndef USHER_VERDICT_BPF_H
#define USHER_VERDICT_BPF_H

#include "maps.bpf.h"
#include "usher_hash.h"

/* What usher_decide() returns: rule << 32 | flags << 8 | verdict. */
#define DECISION(verdict, rule) ((u64)(rule) << 32 | (verdict))
#define DECISION_BY_REQUEST (1ull << 8)
#define DECISION_VERDICT(d) ((u32)(d) & 0xff)
#define DECISION_RULE(d) ((u32)((d) >> 32))

/* usher_decide()'s `how`. */
#define MET_RESOLVED (1u << 0)  /* set[USHER_SET_RESOLVED] holds something */
#define MET_REQUESTED (1u << 1) /* the same for USHER_SET_REQUESTED */
#define MET_UNKNOWN (1u << 2)   /* the file has no name: every rule but the allows holds */
#define MET_ALLOWED (1u << 3)   /* every default-deny group is satisfied */

/* Which vectors of a node count (four u16 in a word). */
#define NODE_ALL (~0ull)
#define NODE_EXACT 0x000000000000ffffull
#define NODE_TREE 0x00000000ffff0000ull
#define NODE_TREE_BOTH 0xffff0000ffff0000ull
#define NODE_EXACT_BOTH 0x0000ffff0000ffffull

#define NO_RULE USHER_MAX_RULES

static __always_inline bool find_node(const struct usher_profile* p, u64 key, u64* vecs) {
  const union usher_cell* c = cell_of(p->table + usher_bucket_of(key, p->salt, p->mask));
  if (!c) return false;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (c->bucket.node[i].key == key) {
      *vecs = *(const u64*)c->bucket.node[i].vec;
      return true;
    }
  }
  return false;
}

/* Callers give a kind that exists. The bound is put in assembly, since the compiler would compute
 * the address ahead of a comparison, where the verifier does not know the bound yet. */
static __always_inline const struct usher_kind* kind_of(const struct usher_profile* p, u32 kind) {
  u64 at = kind;
  BOUND(at, USHER_KINDS);
  return &p->kind[at];
}

/* A set by its number, bounded where the verifier sees it; so below for names. */
static __always_inline u64* set_at(struct usher_sets* s, u32 which) {
  u64 at = which;
  BOUND(at, USHER_SETS);
  return s->set[at];
}

static __always_inline void clear_set(struct usher_sets* s, u32 which) {
  u64* set = set_at(s, which);
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++) set[i] = 0;
}

/* set[to] |= the vector in arena cell `cell`. */
static __always_inline void join(struct usher_sets* s, u32 cell, u32 to) {
  const union usher_cell* c = cell_of(cell);
  if (!c) return;
  u64* set = set_at(s, to);
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++) set[i] |= c->vec.word[i];
}

__noinline int usher_join(struct usher_sets* s, u32 cell, u32 to) {
  if (s) join(s, cell, to);
  return 0;
}

/* A node's vectors, those named in `vecs` (0: left out): rules to set[to], excepts to theirs. A
 * leaf, with its calls inlined: the deepest chain of calls has no stack to spare. */
__noinline int usher_gather(struct usher_sets* s, u32 vectors, u64 vecs, u32 to) {
  if (!s) return 0;
  if (vecs & 0xffff) join(s, vectors + (vecs & 0xffff), to);
  if (vecs >> 16 & 0xffff) join(s, vectors + (vecs >> 16 & 0xffff), to);
  if (vecs >> 32 & 0xffff) join(s, vectors + (vecs >> 32 & 0xffff), USHER_SET_EXCEPT);
  if (vecs >> 48) join(s, vectors + (vecs >> 48), USHER_SET_EXCEPT);
  return 0;
}

static __always_inline u32 lowest_bit(u64 x) {
  u32 n = 0;
  if (!(x & 0xffffffff)) n += 32, x >>= 32;
  if (!(x & 0xffff)) n += 16, x >>= 16;
  if (!(x & 0xff)) n += 8, x >>= 8;
  if (!(x & 0xf)) n += 4, x >>= 4;
  if (!(x & 0x3)) n += 2, x >>= 2;
  return n + !(x & 1);
}

/* The lowest rule that is in the vector at `cell` and was met by either name; NO_RULE if none. */
__noinline u32 usher_first(struct usher_sets* s, u32 cell) {
  const union usher_cell* c = cell_of(cell);
  if (!s || !c) return NO_RULE;
  for (u32 i = 0; i < USHER_VEC_WORDS; i++) {
    u64 x = (s->set[USHER_SET_RESOLVED][i] | s->set[USHER_SET_REQUESTED][i]) & c->vec.word[i];
    if (x) return i * 64 + lowest_bit(x);
  }
  return NO_RULE;
}

/* Does any rule of the vector at `cell` hold at the resolved name? */
__noinline u32 usher_meets(struct usher_sets* s, u32 cell) {
  const union usher_cell* c = cell_of(cell);
  u64 any = 0;
  if (!s || !c) return 0;
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++) any |= s->set[USHER_SET_RESOLVED][i] & c->vec.word[i];
  return any != 0;
}

/* The first rule of `kind` that can deny, for denials that no single rule decides: the lowest kill
 * or deny rule, else the first default. 0: nothing denies. */
__noinline u32 usher_denying_rule(u32 profile, u32 kind) {
  const struct usher_profile* p = profile_of(profile);
  if (!p) return USHER_RULE_NONE;
  const struct usher_kind* k = kind_of(p, kind);
  if (!(k->flags & USHER_KIND_DENIES)) return USHER_RULE_NONE;
  const union usher_cell* kills = cell_of(p->vectors + k->vec_kill);
  const union usher_cell* denies = cell_of(p->vectors + k->vec_deny);
  if (!kills || !denies) return USHER_RULE_NONE;
  for (u32 i = 0; i < USHER_VEC_WORDS; i++) {
    u64 x = kills->vec.word[i] | denies->vec.word[i];
    if (!x) continue;
    u32 bit = i * 64 + lowest_bit(x);
    const union usher_cell* ids = cell_of(k->rule_ids + bit / 16);
    return ids ? ids->rule_id[bit & 15] : USHER_RULE_NONE;
  }
  return k->groups ? k->group[0].rule : USHER_RULE_NONE;
}

/* What a check decides that met no rule at all: the defaults alone. */
static __always_inline u64 default_decision(const struct usher_kind* k) {
  if (k->groups) return DECISION(USHER_DENIED, k->group[0].rule);
  if (k->would_groups) return DECISION(USHER_WOULD_DENY, k->group[0].rule);
  return USHER_ALLOWED;
}

/* set[USHER_SET_EXCEPT] = the rules whose `from` the acting program satisfies. */
__noinline int usher_satisfied(struct usher_sets* s, struct usher_task* actor, u32 profile,
                               u32 kind) {
  const struct usher_profile* p = profile_of(profile);
  const struct usher_config* c = node_config();
  u64 vecs;
  if (!s || !p || !c) return 0;
  clear_set(s, USHER_SET_EXCEPT);
  if (!actor || !actor->program) return 0;
  const struct usher_key* key = &c->key;
  u32 vectors = p->vectors;
  if (find_node(p, usher_from_key(key, kind, actor->program), &vecs))
    usher_gather(s, vectors, vecs & NODE_EXACT, USHER_SET_EXCEPT);
  if (find_node(p, usher_from_key(key, kind, usher_program_root(key)), &vecs))
    usher_gather(s, vectors, vecs & NODE_TREE, USHER_SET_EXCEPT);
  if (find_node(p, usher_from_base_key(key, kind, actor->program_base), &vecs))
    usher_gather(s, vectors, vecs & NODE_EXACT, USHER_SET_EXCEPT);
  for (u32 i = 0; i < USHER_PROGRAM_DEPTH; i++) {
    if (i >= actor->program_depth) break;
    if (find_node(p, usher_from_key(key, kind, actor->program_dir[i]), &vecs))
      usher_gather(s, vectors, vecs & NODE_TREE, USHER_SET_EXCEPT);
  }
  return 0;
}

/* Takes out of both sets the rules whose `from` is not satisfied. */
static __always_inline void filter_from(struct usher_sets* s, struct usher_task* actor, u32 profile,
                                        u32 kind, u32 cell) {
  usher_satisfied(s, actor, profile, kind);
  const union usher_cell* from = cell_of(cell);
  if (!from) return;
#pragma unroll
  for (int i = 0; i < USHER_VEC_WORDS; i++) {
    u64 out = from->vec.word[i] & ~s->set[USHER_SET_EXCEPT][i];
    s->set[USHER_SET_RESOLVED][i] &= ~out;
    s->set[USHER_SET_REQUESTED][i] &= ~out;
  }
}

static __always_inline u64 decide_by_rule(struct usher_sets* s, const struct usher_kind* k,
                                          u32 vectors, u32 vec, u32 verdict) {
  if (!vec) return 0;
  u32 bit = usher_first(s, vectors + vec);
  if (bit >= USHER_MAX_RULES) return 0;
  const union usher_cell* ids = cell_of(k->rule_ids + bit / 16);
  u64 decision = DECISION(verdict, ids ? ids->rule_id[bit & 15] : USHER_RULE_NONE);
  u64 word = bit / 64;
  BOUND(word, USHER_VEC_WORDS);
  bool resolved = s->set[USHER_SET_RESOLVED][word] >> (bit & 63) & 1;
  return resolved ? decision : decision | DECISION_BY_REQUEST;
}

/*
 * The decision of `kind` over the rules that `s` holds as met (see MET_*). `actor` is who acts, for
 * `from`; null: not known, which satisfies no `from`.
 */
__noinline u64 usher_decide(struct usher_sets* s, struct usher_task* actor, u32 profile, u32 kind,
                            u32 how) {
  const struct usher_profile* p = profile_of(profile);
  if (!s || !p) return USHER_ALLOWED;
  const struct usher_kind* k = kind_of(p, kind);
  u32 vectors = p->vectors;
  if (!(how & MET_RESOLVED)) clear_set(s, USHER_SET_RESOLVED);
  if (!(how & MET_REQUESTED)) clear_set(s, USHER_SET_REQUESTED);
  if (how & MET_UNKNOWN) {
    clear_set(s, USHER_SET_RESOLVED);
    usher_join(s, vectors + k->vec_kill, USHER_SET_RESOLVED);
    usher_join(s, vectors + k->vec_deny, USHER_SET_RESOLVED);
    usher_join(s, vectors + k->vec_would, USHER_SET_RESOLVED);
    usher_join(s, vectors + k->vec_audit, USHER_SET_RESOLVED);
  }
  if (k->vec_from) filter_from(s, actor, profile, kind, vectors + k->vec_from);

  u64 d = decide_by_rule(s, k, vectors, k->vec_kill, USHER_KILLED);
  if (d) return d;
  d = decide_by_rule(s, k, vectors, k->vec_deny, USHER_DENIED);
  if (d) return d;
  u64 would = 0;
  u32 groups = k->groups;
  u32 all = groups + k->would_groups;
  for (u32 i = 0; i < USHER_MAX_GROUPS; i++) {
    if (i >= all || how & MET_ALLOWED) break;
    if (usher_meets(s, vectors + k->group[i].allow)) continue;
    if (i < groups) return DECISION(USHER_DENIED, k->group[i].rule);
    would = DECISION(USHER_WOULD_DENY, k->group[i].rule);
    break;
  }
  d = decide_by_rule(s, k, vectors, k->vec_would, USHER_WOULD_DENY);
  if (d) return d;
  if (would) return would;
  return decide_by_rule(s, k, vectors, k->vec_audit, USHER_AUDITED);
}

#endif
