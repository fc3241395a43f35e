// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The verdict as a function of a query: what the tests run against the evaluator. */
#include "program.bpf.h"
#include "socket.bpf.h"
#include "text.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline u64 half(const u8* b) {
  u64 h = 0;
#pragma unroll
  for (int i = 0; i < 8; i++) h = h << 8 | b[i];
  return h;
}

static __always_inline u64 judge_socket(struct usher_query* q, struct usher_scratch* s, u32 profile,
                                        u32 kind) {
  const volatile struct usher_query* in = q;
  struct usher_peer peer = {.port = in->port, .protocol = in->protocol, .family = in->family};
  u8 address[16];
#pragma unroll
  for (int i = 0; i < 16; i++) address[i] = in->address[i];
  peer.high = half(address);
  peer.low = half(address + 8);
  if (peer.family == AF_INET) {
    peer.low = peer.high >> 32;
    peer.high = 0;
  }
  normalise(&peer, kind);
  return usher_judge_peer(&s->sets, &s->pending, &peer, profile, kind);
}

static __always_inline void append(struct usher_scratch* s, const char* text, u32 which) {
  s->walk.text = (u64)text;
  usher_append_text(s, which);
}

/* The texts are NUL-terminated: the lengths in the query only say whether they are there. */
SEC("syscall")
int judge(struct usher_query* q) {
  /* volatile: the verifier takes the context only at constant offsets from itself */
  const volatile struct usher_query* in = q;
  u32 kind = in->kind;
  bool anonymous = in->anonymous;
  bool unknown = in->unknown;
  bool has_program = in->program_len;
  bool requested = kind == USHER_EXEC && in->requested_len;
  q->verdict = USHER_ALLOWED;
  q->rule = USHER_RULE_NONE;
  struct usher_workload* w = workload_of(q->workload);
  struct usher_scratch* s =
      bpf_task_storage_get(&scratch, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!w || !s) return -1;
  u32 profile = w->profile;
  const struct usher_profile* p = profile_of(profile);
  if (!p || w->flags & USHER_WORKLOAD_RELEASED) return 0;
  const struct usher_kind* k = kind_of(p, kind);
  if (!(k->flags & USHER_KIND_RULED)) return 0;

  struct usher_name* name = &s->name[USHER_SET_RESOLVED];
  begin_name(name);
  if (has_program) append(s, q->program, USHER_SET_RESOLVED);
  usher_note_program(s);

  u64 d;
  if (kind == USHER_CONNECT || kind == USHER_BIND) {
    d = judge_socket(q, s, profile, kind);
  } else {
    if (anonymous && kind != USHER_EXEC) return 0;
    begin_name(name);
    append(s, q->path, USHER_SET_RESOLVED);
    if (unknown) name->state = USHER_NAME_UNKNOWN;
    if (anonymous) name->state = USHER_NAME_ANONYMOUS;
    if (requested) {
      begin_name(&s->name[USHER_SET_REQUESTED]);
      append(s, q->requested, USHER_SET_REQUESTED);
      read_merged(&s->name[USHER_SET_REQUESTED], p->merged);
    }
    d = judge_name(s, &s->pending, profile, k, kind, requested);
  }
  q->verdict = DECISION_VERDICT(d);
  q->rule = DECISION_RULE(d);
  return 0;
}
