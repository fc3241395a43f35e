/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The common open, made cheap: a walk up a workload's own superblock by typed loads, which cost an
 * instruction each where a helper's read costs fifty. Names and loops as in path.bpf.h.
 */
#ifndef USHER_DENTRY_BPF_H
#define USHER_DENTRY_BPF_H

#include "match.bpf.h"

enum { QUICK_DEPTH = 16 }; /* components; deeper ones take the walk below */
enum { TYPED_DEPTH = 24 }; /* components; deeper ones take the general walk */

/* The hash of a name that lies in the dentry itself; 0: it does not. The dcache keeps a name there
 * exactly when it is shorter than the array, renames included, so d_name.name need not be read. */
static __always_inline u64 hash_inside(const struct usher_key* key, struct dentry* d, u32 length) {
  void* inside;
  u32 room;
  if (bpf_core_field_exists(((struct dentry___shortname*)0)->d_shortname)) {
    u64 at = bpf_core_field_offset(struct dentry___shortname, d_shortname);
    barrier_var(at);
    inside = (void*)d + at;
    room = bpf_core_field_size(((struct dentry___shortname*)0)->d_shortname);
    barrier_var(room); /* keeps what this kernel does not have out of the other branch */
  } else {
    u64 at = bpf_core_field_offset(struct dentry, d_iname);
    barrier_var(at);
    inside = (void*)d + at;
    room = bpf_core_field_size(((struct dentry*)0)->d_iname);
    barrier_var(room);
  }
  if (length == 0 || length >= room) return 0;
  const u64* words = inside;
  struct usher_lanes lanes;
  usher_hash_begin(key, &lanes);
  u32 left = length;
  u64 word = words[0];
  if (left > 8) {
    usher_hash_word(key, &lanes, word);
    left -= 8;
    word = words[1];
    if (left > 8) {
      usher_hash_word(key, &lanes, word);
      left -= 8;
      word = words[2];
      if (left > 8) {
        usher_hash_word(key, &lanes, word);
        left -= 8;
        word = words[3];
        if (room >= 40 && left > 8) {
          usher_hash_word(key, &lanes, word);
          left -= 8;
          word = words[4];
        }
      }
    }
  }
  usher_hash_word(key, &lanes, first_bytes(word, left));
  return usher_hash_end(key, &lanes, length);
}

/* name[RESOLVED] = the name of a dentry on the root's superblock. False: not found this way. Not
 * inline, for the stack's sake. */
static __noinline bool walk_typed(struct usher_scratch* s, struct dentry* d, u64 root) {
  const struct usher_config* c = node_config();
  struct usher_name* n = &s->name[USHER_SET_RESOLVED];
  if (!c) return false;
  for (u32 i = 0; i < TYPED_DEPTH; i++) {
    if ((u64)d == root) {
      n->depth = i;
      n->turn = i;
      n->state = USHER_NAME_KNOWN;
      return true;
    }
    struct dentry* parent = d->d_parent;
    if (parent == d) return false;
    u64 text = (u64)d->d_name.name;
    u32 length = d->d_name.len;
    u64 hash = hash_inside(&c->key, d, length);
    if (!hash) hash = usher_hash_bytes(s, text, length);
    if (!hash) return false;
    n->hash[i] = hash;
    s->dentry[i] = (u64)d;
    if (i == 0) {
      n->base = hash;
      n->leaf = text;
      n->leaf_len = length;
    }
    d = parent;
  }
  return false;
}

static __always_inline u64 quick_hash(const struct usher_config* c, struct dentry* d) {
  return hash_inside(&c->key, d, d->d_name.len);
}

/*
 * True: no rule of `kind` holds at the name whose dentries are at[0], the leaf, to at[top], below
 * the root. A component is hashed only when it is looked up: most names leave the ruled tree early.
 */
static __always_inline bool is_silent(const struct usher_config* c, const struct usher_profile* p,
                                      u32 kind, struct dentry** at, u32 top) {
  const struct usher_kind* k = &p->kind[kind];
  u64 vecs;
  u32 flags = k->flags;
  if (k->groups || k->would_groups || flags & USHER_KIND_PREFIX) return false;
  if (flags & USHER_KIND_BASE) {
    u64 base = quick_hash(c, at[0]);
    if (!base || find_node(p, usher_base_key(&c->key, kind, base), &vecs)) return false;
  }
  u64 fold = usher_root(&c->key, kind);
  if (!(flags & USHER_KIND_PLAIN_ROOT)) {
    if (!find_node(p, fold, &vecs)) return true;
    if (vecs & NODE_TREE_BOTH) return false;
  }
  for (u32 i = top;; i--) {
    u64 hash = quick_hash(c, at[i]);
    if (!hash) return false;
    fold = usher_fold(&c->key, fold, hash);
    if (!find_node(p, fold, &vecs)) return true;
    if (vecs & NODE_TREE_BOTH) return false;
    if (i == 0) return !vecs;
  }
}

/*
 * True: nothing is said about reading (writing) this file, and no default denies: what the whole
 * check would find, in a third of its instructions and without the scratch. False: it may be
 * otherwise.
 */
static __noinline bool nothing_holds(struct dentry* d, struct usher_workload* w,
                                     const struct usher_profile* p, bool read, bool write) {
  const struct usher_config* c = node_config();
  struct dentry* at[QUICK_DEPTH];
  u64 root = w->root_dentry;
  if (!c || (u64)d->d_sb != w->root_sb) return false;
  if ((u64)d == root) return false;
  for (u32 i = 0; i < QUICK_DEPTH; i++) {
    at[i] = d;
    d = d->d_parent; /* a superblock's root is its own: then the loop runs out */
    if ((u64)d == root)
      return (!read || is_silent(c, p, USHER_READ, at, i)) &&
             (!write || is_silent(c, p, USHER_WRITE, at, i));
  }
  return false;
}

#endif
