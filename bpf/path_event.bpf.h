/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Events that carry a path, and an exec's arguments. */
#ifndef USHER_PATH_EVENT_BPF_H
#define USHER_PATH_EVENT_BPF_H

#include "events.bpf.h"
#include "path.bpf.h"

enum {
  PATH_ROOM = 740, /* what is kept of a long path's beginning; its last name always follows */
  ARGS_EACH = 128, /* bytes of one argument, its NUL included */
  ARGS_COUNT = 16,
};

struct render_step {
  struct usher_scratch* scratch;
  struct usher_kernel_event* event;
  u64 at;
  u32 depth;
  u32 cut;
};

static int render_step(u32 i, struct render_step* step) {
  struct usher_scratch* s = step->scratch;
  struct usher_kernel_event* e = step->event;
  u64 at = step->at;
  if (!s || !e || i >= step->depth) return 1;
  u32 turn = s->name[USHER_SET_RESOLVED].turn;
  struct dentry* d = (void*)s->dentry[(turn - i - 1) & (USHER_MAX_DEPTH - 1)];
  u64 length = BPF_CORE_READ(d, d_name.len) & 0xff;
  const unsigned char* text = BPF_CORE_READ(d, d_name.name);
  if (at + length >= PATH_ROOM) {
    step->cut = 1;
    return 1;
  }
  BOUND(at, PATH_ROOM);
  e->data[at] = '/';
  MASK(length, 0xff);
  bpf_probe_read_kernel(&e->data[at + 1], length, text);
  step->at = at + 1 + length;
  return 0;
}

/* e->data = the name's text, by the dentries that the walk left. */
__noinline int usher_render(struct usher_scratch* s, struct usher_kernel_event* e) {
  if (!s || !e) return 0;
  const struct usher_name* n = &s->name[USHER_SET_RESOLVED];
  bool known = n->state == USHER_NAME_KNOWN;
  struct render_step step = {.scratch = s, .event = e, .depth = known ? n->depth : 0};
  step.cut = step.depth > USHER_MAX_DEPTH;
  bpf_loop(USHER_MAX_DEPTH, render_step, &step, 0);
  u64 at = step.at;
  BOUND(at, PATH_ROOM + 2);
  if (step.cut) {
    e->flags |= USHER_EVENT_PATH_CUT;
    __builtin_memcpy(&e->data[at], "/.../", 5);
    at += 5;
  } else if (known && step.depth == 0) {
    e->data[0] = '/';
    at = 1;
  }
  if (step.cut || !known) {
    u64 length = n->leaf_len;
    MASK(length, 0xff);
    bpf_probe_read_kernel(&e->data[at], length, (void*)n->leaf);
    at += length;
  }
  e->path_len = at;
  return 0;
}

/* e->data = the name as it was asked for. */
static __always_inline void render_requested(struct usher_scratch* s,
                                             struct usher_kernel_event* e) {
  long n = bpf_probe_read_kernel_str(e->data, USHER_PATH_MAX, (void*)s->walk.text);
  e->path_len = n > 0 ? n - 1 : 0;
  if (n == USHER_PATH_MAX) e->flags |= USHER_EVENT_PATH_CUT;
}

struct args_step {
  struct usher_kernel_event* event;
  u64 argv;
  u64 begin;
  u64 at;
  u64 cut;
};

static int args_step(u32 i, struct args_step* step) {
  struct usher_kernel_event* e = step->event;
  u64 text = 0;
  u64 at = step->at;
  u64 begin = step->begin;
  if (!e || bpf_probe_read_user(&text, sizeof(text), (void*)(step->argv + i * 8)) || !text)
    return 1;
  step->cut = 1;
  if (i == ARGS_COUNT || at > USHER_ARGS_MAX - ARGS_EACH) return 1;
  BOUND(begin, USHER_PATH_MAX);
  BOUND(at, USHER_ARGS_MAX - ARGS_EACH + 1);
  long n = bpf_probe_read_user_str(&e->data[begin + at], ARGS_EACH, (void*)text);
  if (n <= 0) return 1;
  if (n == ARGS_EACH) e->flags |= USHER_EVENT_ARGS_CUT;
  step->at = at + n;
  step->cut = 0;
  return 0;
}

/* Appends the arguments that user space lays at `argv`, an array of pointers. They have just been
 * copied by the kernel, so their pages are there. */
__noinline int usher_append_args(struct usher_kernel_event* e, u64 argv) {
  if (!e) return 0;
  struct args_step step = {.event = e, .argv = argv, .begin = e->path_len};
  bpf_loop(ARGS_COUNT + 1, args_step, &step, 0);
  if (step.cut) e->flags |= USHER_EVENT_ARGS_CUT;
  e->args_len = step.at;
  return 0;
}

/* For USHER_EXEC, walk.text must be the requested name. argv: 0 = none. */
__noinline int usher_report_path(struct usher_scratch* s, u32 workload, u64 decision, u32 kind,
                                 u64 argv) {
  if (!s) return 0;
  u32 rule = DECISION_RULE(decision);
  u32 flags = kind & ~0xffu;
  kind &= 0xff;
  if (!usher_admit(workload, rule)) return 0;
  struct usher_kernel_event* e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) return usher_drop(workload, rule);
  u32 state = s->name[USHER_SET_RESOLVED].state;
  fill_event(e, USHER_EVENT_VERDICT, workload, decision, kind, flags >> 8);
  if (state == USHER_NAME_ANONYMOUS)
    e->flags |= USHER_EVENT_ANONYMOUS;
  else if (state != USHER_NAME_KNOWN)
    e->flags |= USHER_EVENT_UNKNOWN_FILE;
  e->suppressed = usher_claim(workload, rule);
  if (decision & DECISION_BY_REQUEST)
    render_requested(s, e);
  else
    usher_render(s, e);
  if (argv) usher_append_args(e, argv);
  e->size = EVENT_HEADER + e->path_len + e->args_len;
  bpf_ringbuf_submit(e, 0);
  return 0;
}

#endif
