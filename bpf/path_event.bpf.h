/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Events that carry a path, and an exec's arguments. */
#ifndef USHER_PATH_EVENT_BPF_H
#define USHER_PATH_EVENT_BPF_H

#include "events.bpf.h"
#include "path.bpf.h"

enum {
  PATH_ROOM = 740,   /* what is kept of a long path's beginning; its last name always follows */
  ARGS_EACH = 128,   /* bytes of one argument, its NUL included */
  ARGS_COUNT = 16,
};

/* e->data = the name's text, by the dentries that the walk left. */
__noinline int usher_render(struct usher_scratch* s, struct usher_event* e) {
  if (!s || !e) return 0;
  const struct usher_name* n = &s->name[USHER_SET_RESOLVED];
  u32 depth = n->state == USHER_NAME_KNOWN ? n->depth : 0;
  u64 at = 0;
  bool cut = depth > USHER_MAX_DEPTH;
  for (u32 i = 1; i <= USHER_MAX_DEPTH; i++) {
    if (i > depth) break;
    struct dentry* d = (void*)s->dentry[(n->turn - i) & (USHER_MAX_DEPTH - 1)];
    u64 length = BPF_CORE_READ(d, d_name.len) & 0xff;
    const unsigned char* text = BPF_CORE_READ(d, d_name.name);
    if (at + length > PATH_ROOM) {
      cut = true;
      break;
    }
    asm volatile("if %[at] < %[room] goto +1\n%[at] = 0" : [at] "+r"(at) : [room] "i"(PATH_ROOM));
    e->data[at] = '/';
    bpf_probe_read_kernel(&e->data[at + 1], length, text);
    at += 1 + length;
  }
  if (cut || n->state != USHER_NAME_KNOWN) {
    asm volatile("if %[at] < %[room] goto +1\n%[at] = 0"
                 : [at] "+r"(at)
                 : [room] "i"(PATH_ROOM + 2));
    if (cut) {
      e->flags |= USHER_EVENT_PATH_CUT;
      __builtin_memcpy(&e->data[at], "/.../", 5);
      at += 5;
    }
    u64 length = n->leaf_len & 0xff;
    bpf_probe_read_kernel(&e->data[at], length, (void*)n->leaf);
    at += length;
  } else if (depth == 0) {
    e->data[0] = '/';
    at = 1;
  }
  e->path_len = at;
  return 0;
}

/* e->data = the name as it was asked for. */
static __always_inline void render_requested(struct usher_scratch* s, struct usher_event* e) {
  long n = bpf_probe_read_kernel_str(e->data, USHER_PATH_MAX, (void*)s->walk.text);
  e->path_len = n > 0 ? n - 1 : 0;
  if (n == USHER_PATH_MAX) e->flags |= USHER_EVENT_PATH_CUT;
}

/* Appends the arguments that user space lays at `argv`, an array of pointers. They have just been
 * copied by the kernel, so their pages are there. */
__noinline int usher_append_args(struct usher_event* e, u64 argv) {
  if (!e) return 0;
  u64 begin = e->path_len;
  u64 at = 0;
  asm volatile("if %[at] < %[room] goto +1\n%[at] = 0"
               : [at] "+r"(begin)
               : [room] "i"(USHER_PATH_MAX));
  for (u32 i = 0; i < ARGS_COUNT; i++) {
    u64 text = 0;
    if (bpf_probe_read_user(&text, sizeof(text), (void*)(argv + i * 8)) || !text) goto out;
    if (at > USHER_ARGS_MAX - ARGS_EACH) break;
    asm volatile("if %[at] <= %[room] goto +1\n%[at] = 0"
                 : [at] "+r"(at)
                 : [room] "i"(USHER_ARGS_MAX - ARGS_EACH));
    long n = bpf_probe_read_user_str(&e->data[begin + at], ARGS_EACH, (void*)text);
    if (n <= 0) break;
    if (n == ARGS_EACH) e->flags |= USHER_EVENT_ARGS_CUT;
    at += n;
  }
  e->flags |= USHER_EVENT_ARGS_CUT;
out:
  e->args_len = at;
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
  struct usher_event* e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) return usher_drop(workload, rule);
  u32 state = s->name[USHER_SET_RESOLVED].state;
  fill_event(e, USHER_EVENT_VERDICT, workload, decision, kind, flags >> 8);
  if (state == USHER_NAME_ANONYMOUS) e->flags |= USHER_EVENT_ANONYMOUS;
  else if (state != USHER_NAME_KNOWN) e->flags |= USHER_EVENT_UNKNOWN_FILE;
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
