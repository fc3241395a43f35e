/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The program that a task runs, as `from` rules ask for it. */
#ifndef USHER_PROGRAM_BPF_H
#define USHER_PROGRAM_BPF_H

#include "match.bpf.h"

/* pending = the program that name[0] names. Unknown names give the unknown program (0). */
__noinline int usher_note_program(struct usher_scratch* s) {
  const struct usher_config* c = node_config();
  if (!s || !c) return 0;
  const struct usher_name* n = &s->name[USHER_SET_RESOLVED];
  struct usher_task* t = &s->pending;
  t->program = 0;
  t->program_base = 0;
  t->program_depth = 0;
  if (n->state != USHER_NAME_KNOWN || n->depth == 0) return 0;
  u64 fold = usher_program_root(&c->key);
  for (u32 i = 0; i < USHER_MAX_DEPTH; i++) {
    if (i >= n->depth) break;
    fold = usher_fold(&c->key, fold, n->hash[(n->turn - i - 1) & (USHER_MAX_DEPTH - 1)]);
    if (i < USHER_PROGRAM_DEPTH) t->program_dir[i] = fold;
  }
  /* Of a deeper name only a part is folded: it must not look like that part. */
  t->program = n->depth > USHER_MAX_DEPTH ? ~fold : fold;
  t->program_base = n->base;
  t->program_depth = n->depth;
  return 0;
}

static __always_inline void adopt_program(struct usher_task* to, const struct usher_task* from) {
  to->program = from->program;
  to->program_base = from->program_base;
  to->program_depth = from->program_depth;
#pragma unroll
  for (int i = 0; i < USHER_PROGRAM_DEPTH; i++) to->program_dir[i] = from->program_dir[i];
}

#endif
