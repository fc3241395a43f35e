/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A name as text to a name as hashes: what an exec asked for, and the test program's paths. */
#ifndef USHER_TEXT_BPF_H
#define USHER_TEXT_BPF_H

#include "match.bpf.h"

enum { USHER_TEXT_MAX = 4096, USHER_TEXT_CHUNK = 128 };

static __always_inline void end_component(struct usher_scratch* s, struct usher_name* n, u32 at) {
  struct usher_walk* w = &s->walk;
  const struct usher_config* c = node_config();
  u32 length = w->length;
  if (!c || length == 0) return;
  if (w->dots == length && length <= 2) {
    if (length == 2 && n->depth > 0) {
      n->depth--;
      n->base = n->hash[(n->turn - n->depth) & (USHER_MAX_DEPTH - 1)];
      n->leaf_len = 0;
    }
    return;
  }
  struct usher_lanes lanes = {w->lane_a, w->lane_b};
  if (length & 7) usher_hash_word(&c->key, &lanes, w->word);
  u64 h = usher_hash_end(&c->key, &lanes, length);
  n->depth++;
  if (n->depth <= USHER_MAX_DEPTH) n->hash[(n->turn - n->depth) & (USHER_MAX_DEPTH - 1)] = h;
  n->base = h;
  n->leaf = w->text + at - length;
  n->leaf_len = length;
}

static __always_inline void begin_component(struct usher_walk* w) {
  const struct usher_config* c = node_config();
  struct usher_lanes lanes = {};
  if (c) usher_hash_begin(&c->key, &lanes);
  w->lane_a = lanes.a;
  w->lane_b = lanes.b;
  w->word = 0;
  w->length = 0;
  w->dots = 0;
}

static int text_step(u32 i, struct usher_step* step) {
  struct usher_scratch* s = step->scratch;
  u32 which = step->which;
  if (!s) return 1;
  struct usher_walk* w = &s->walk;
  const struct usher_config* c = node_config();
  if (!c) return 1;
  u32 at = i & (USHER_TEXT_CHUNK - 1);
  if (at == 0 &&
      bpf_probe_read_kernel_str(s->words, USHER_TEXT_CHUNK + 1, (void*)(w->text + i)) < 0)
    return 1;
  u8 ch = ((u8*)s->words)[at];
  if (ch == 0 || ch == '/') {
    end_component(s, name_at(s, which), i);
    begin_component(w);
    if (ch != 0) return 0;
    w->done = 1;
    return 1;
  }
  if (ch == '.' && w->dots == w->length) w->dots++;
  w->word |= (u64)ch << ((w->length & 7) * 8);
  w->length++;
  if ((w->length & 7) == 0) {
    struct usher_lanes lanes = {w->lane_a, w->lane_b};
    usher_hash_word(&c->key, &lanes, w->word);
    w->lane_a = lanes.a;
    w->lane_b = lanes.b;
    w->word = 0;
  }
  return 0;
}

/* Appends the components of the NUL-terminated text at walk.text (a kernel address; a pointer
 * cannot be a function's argument) to name[which], which holds a name already (`/` or a directory);
 * `.`,
 * `..` and empty ones are resolved by name. */
__noinline int usher_append_text(struct usher_scratch* s, u32 which) {
  if (!s) return 0;
  struct usher_step step = {.scratch = s, .which = which};
  s->walk.done = 0;
  begin_component(&s->walk);
  bpf_loop(USHER_TEXT_MAX, text_step, &step, 0);
  return s->walk.done;
}

static __always_inline void begin_name(struct usher_name* n) {
  n->base = 0;
  n->leaf = 0;
  n->leaf_len = 0;
  n->depth = 0;
  n->turn = USHER_MAX_DEPTH;
  n->state = USHER_NAME_KNOWN;
}

#endif
