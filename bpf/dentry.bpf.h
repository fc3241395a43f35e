/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The common open, made cheap: a walk up a workload's own superblock by typed loads, which cost an
 * instruction each where a helper's read costs fifty. Names and loops as in path.bpf.h.
 */
#ifndef USHER_DENTRY_BPF_H
#define USHER_DENTRY_BPF_H

#include "match.bpf.h"

enum { TYPED_DEPTH = 24 }; /* components; deeper ones take the general walk */

/* The hash of a name that lies in the dentry itself, or any by the general way; 0: unreadable. */
static __always_inline u64 hash_typed(struct usher_scratch* s, const struct usher_key* key,
                                      struct dentry* d, u64 text, u32 length) {
  void* inside;
  u32 room;
  if (bpf_core_field_exists(((struct dentry___shortname*)0)->d_shortname)) {
    inside = (void*)d + bpf_core_field_offset(struct dentry___shortname, d_shortname);
    room = bpf_core_field_size(((struct dentry___shortname*)0)->d_shortname);
  } else {
    inside = (void*)d + bpf_core_field_offset(struct dentry, d_iname);
    room = bpf_core_field_size(((struct dentry*)0)->d_iname);
  }
  if ((u64)inside != text || length == 0 || length >= room)
    return usher_hash_bytes(s, text, length);
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
    u64 hash = hash_typed(s, &c->key, d, text, length);
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

/*
 * True: no rule of `kind` holds at name[RESOLVED], and no default denies; what usher_check_named
 * would find, in less, for the opens that no rule speaks of. False: it may be otherwise.
 */
static __noinline bool nothing_holds(struct usher_scratch* s, const struct usher_profile* p,
                                     u32 kind) {
  const struct usher_config* c = node_config();
  const struct usher_name* n = &s->name[USHER_SET_RESOLVED];
  const struct usher_kind* k = kind_of(p, kind);
  u32 depth = n->depth;
  u32 flags = k->flags;
  u64 vecs;
  if (!c || n->state != USHER_NAME_KNOWN || depth > TYPED_DEPTH || k->groups || k->would_groups)
    return false;
  u64 fold = usher_root(&c->key, kind);
  for (u32 i = 0; i <= TYPED_DEPTH; i++) {
    if (i >= depth && flags & USHER_KIND_PREFIX) return false;
    if (!find_node(p, fold, &vecs)) break;
    if (vecs & NODE_TREE_BOTH) return false;
    if (i >= depth) {
      if (vecs) return false;
      break;
    }
    fold = usher_fold(&c->key, fold, n->hash[(n->turn - i - 1) & (USHER_MAX_DEPTH - 1)]);
  }
  return !(flags & USHER_KIND_BASE) ||
         !find_node(p, usher_base_key(&c->key, kind, n->base), &vecs);
}

#endif
