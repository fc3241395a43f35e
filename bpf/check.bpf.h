/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One check from name to answer: shared by every hook that judges files. */
#ifndef USHER_CHECK_BPF_H
#define USHER_CHECK_BPF_H

#include "mounts.bpf.h"
#include "path_event.bpf.h"
#include "program.bpf.h"

/* usher_settle_path's and usher_report_path's `kind`: the event's flags ride on it. */
#define WITH_FLAGS(kind, flags) ((kind) | (flags) << 8)

/* A hook's return value. The barrier keeps the compiler from negating what it knows to be 0 or 1:
 * newer verifiers want to see that an LSM program returns 0 or an error. */
static __always_inline int answer(u32 refuse) {
  asm volatile("" : "+r"(refuse));
  if (refuse) return -EPERM;
  return 0;
}

/* Reports a decision and carries it out. 1: the operation must be refused. */
__noinline u32 usher_settle_path(struct usher_scratch* s, u32 workload, u64 decision, u32 kind,
                                 u64 argv) {
  if (!s || DECISION_VERDICT(decision) == USHER_ALLOWED) return 0;
  u32 flags = 0;
  decision = soften(decision, &flags);
  usher_report_path(s, workload, decision, WITH_FLAGS(kind, flags), argv);
  if (DECISION_VERDICT(decision) == USHER_KILLED) bpf_send_signal(SIGKILL);
  return DECISION_VERDICT(decision) >= USHER_DENIED;
}

__noinline u32 usher_settle_peer(struct usher_peer* peer, u32 workload, u64 decision, u32 kind,
                                 u32 flags) {
  if (DECISION_VERDICT(decision) == USHER_ALLOWED) return 0;
  decision = soften(decision, &flags);
  usher_report_peer(peer, workload, decision, kind, flags);
  return DECISION_VERDICT(decision);
}

/* A file operation by a task that no scratch could be had for: the file is unknown, and what is
 * denied to any file is denied to it. */
__noinline u32 usher_check_bare(struct usher_task* t, u32 kind) {
  if (!t) return 0;
  struct usher_workload* w = judged_workload(t->workload);
  if (!w) return 0;
  count(USHER_COUNT_UNKNOWN);
  u32 rule = usher_denying_rule(w->profile, kind);
  if (!rule) return 0;
  u64 d = DECISION(USHER_DENIED, rule);
  return usher_settle_peer(0, t->workload, d, kind, USHER_EVENT_UNKNOWN_FILE) >= USHER_DENIED;
}

/* Decides `kind` for name[RESOLVED] and carries it out. 1: refuse. */
__noinline u32 usher_check_named(struct usher_scratch* s, struct usher_task* t, u32 kind) {
  if (!s || !t) return 0;
  struct usher_workload* w = judged_workload(t->workload);
  if (!w) return 0;
  u32 profile = w->profile;
  const struct usher_profile* p = profile_of(profile);
  if (!p) return 0;
  const struct usher_kind* k = kind_of(p, kind);
  if (!(k->flags & USHER_KIND_RULED)) return 0;
  u64 d = judge_name(s, t, profile, k, kind, false);
  if (!d) return 0;
  return usher_settle_path(s, t->workload, d, kind, 0);
}

/* The same for the file at walk.dentry, walk.mount. */
__noinline u32 usher_check_path(struct usher_scratch* s, struct usher_task* t, u32 kind) {
  if (!s || !t) return 0;
  u32 state = usher_name_path(s, t->workload, USHER_SET_RESOLVED);
  if (state == USHER_NAME_INTERNAL || state == USHER_NAME_ANONYMOUS) return 0;
  return usher_check_named(s, t, kind);
}

struct node_step {
  struct usher_scratch* scratch;
  u64 fold;
  u32 profile;
  u32 found;
};

static int node_step(u32 i, struct node_step* step) {
  struct usher_scratch* s = step->scratch;
  const struct usher_profile* p = profile_of(step->profile);
  const struct usher_config* c = node_config();
  u64 vecs;
  if (!s || !p || !c) return 1;
  const struct usher_name* n = &s->name[USHER_SET_RESOLVED];
  step->found = i >= n->depth;
  if (step->found) return 1;
  step->fold = usher_fold(&c->key, step->fold, n->hash[(n->turn - i - 1) & (USHER_MAX_DEPTH - 1)]);
  return !find_node(p, step->fold, &vecs);
}

/* Is name[RESOLVED] a node of `kind`, that is: a ruled name or the directory above one? */
__noinline u32 usher_is_node(struct usher_scratch* s, u32 profile, u32 kind) {
  const struct usher_config* c = node_config();
  if (!s || !c || s->name[USHER_SET_RESOLVED].depth > USHER_MAX_DEPTH) return 0;
  struct node_step step = {.scratch = s, .fold = usher_root(&c->key, kind), .profile = profile};
  bpf_loop(USHER_MAX_DEPTH + 1, node_step, &step, 0);
  return step.found;
}

/* The rule of `kind` that would be shed if name[RESOLVED] were given another name: one that denies
 * it by name whoever acts, or (for a directory) any that speaks of something below it. */
__noinline u32 usher_shed_rule(struct usher_scratch* s, u32 profile, u32 kind, u32 directory) {
  const struct usher_profile* p = profile_of(profile);
  if (!s || !p) return 0;
  const struct usher_kind* k = kind_of(p, kind);
  if (!(k->flags & USHER_KIND_DENIES)) return 0;
  if (s->name[USHER_SET_RESOLVED].state != USHER_NAME_KNOWN)
    return k->vec_kill || k->vec_deny ? usher_denying_rule(profile, kind) : 0;
  if (directory && usher_is_node(s, profile, kind)) return usher_denying_rule(profile, kind);
  if (!usher_match(s, profile, kind, USHER_SET_RESOLVED)) return 0;
  clear_set(&s->sets, USHER_SET_REQUESTED);
  u64 d = decide_by_rule(&s->sets, k, p->vectors, k->vec_kill, USHER_DENIED);
  if (!d) d = decide_by_rule(&s->sets, k, p->vectors, k->vec_deny, USHER_DENIED);
  return DECISION_RULE(d);
}

/* May the file at walk.dentry, walk.mount be given another name? It is written, and must not shed a
 * rule. 1: refuse. */
__noinline u32 usher_check_source(struct usher_scratch* s, struct usher_task* t, u32 directory) {
  if (!s || !t) return 0;
  u32 state = usher_name_path(s, t->workload, USHER_SET_RESOLVED);
  if (state == USHER_NAME_INTERNAL || state == USHER_NAME_ANONYMOUS) return 0;
  if (usher_check_named(s, t, USHER_WRITE)) return 1;
  struct usher_workload* w = judged_workload(t->workload);
  if (!w) return 0;
  u32 rule = usher_shed_rule(s, w->profile, USHER_EXEC, directory);
  if (!rule) rule = usher_shed_rule(s, w->profile, USHER_READ, directory);
  if (!rule) rule = usher_shed_rule(s, w->profile, USHER_WRITE, directory);
  if (!rule) return 0;
  return usher_settle_path(s, t->workload, DECISION(USHER_DENIED, rule), USHER_WRITE, 0);
}

/* The rule of `kind` that speaks of name[RESOLVED], of something below it or of a directory above.
 */
__noinline u32 usher_place_rule(struct usher_scratch* s, u32 profile, u32 kind) {
  const struct usher_profile* p = profile_of(profile);
  if (!s || !p) return 0;
  if (!(kind_of(p, kind)->flags & USHER_KIND_DENIES)) return 0;
  if (!usher_is_node(s, profile, kind) && !usher_match(s, profile, kind, USHER_SET_RESOLVED))
    return 0;
  return usher_denying_rule(profile, kind);
}

static __always_inline u32 place_rule(struct usher_scratch* s, u32 profile, u32 kind, u32 known) {
  return known ? usher_place_rule(s, profile, kind) : usher_denying_rule(profile, kind);
}

/* Is the dentry on a superblock that the workload began with? */
__noinline u32 usher_is_on_first_super(u32 workload, u64 dentry) {
  struct usher_workload* w = workload_of(workload);
  if (!w || w->flags & USHER_WORKLOAD_HOST_ROOT) return 0;
  struct usher_mounts* m = mounts_of(w);
  return !m || is_first_super(w, m, (u64)BPF_CORE_READ((struct dentry*)dentry, d_sb));
}

/* May something be mounted at walk.dentry, walk.mount? Not over what rules speak of: files of
 * another file system would take ruled names, those of an allow-list too. Nor anywhere in a volume
 * that was reached another way than the container began with: where mounts are shared it would come
 * up in the ruled place as well. 1: refuse. */
__noinline u32 usher_check_mount_point(struct usher_scratch* s, struct usher_task* t) {
  if (!s || !t) return 0;
  u64 dentry = s->walk.dentry;
  u32 known = usher_name_path(s, t->workload, USHER_SET_RESOLVED) == USHER_NAME_KNOWN;
  if (!known && !usher_is_on_first_super(t->workload, dentry)) return 0;
  struct usher_workload* w = judged_workload(t->workload);
  if (!w) return 0;
  u32 rule = place_rule(s, w->profile, USHER_EXEC, known);
  if (!rule) rule = place_rule(s, w->profile, USHER_READ, known);
  if (!rule) rule = place_rule(s, w->profile, USHER_WRITE, known);
  if (!rule) return 0;
  return usher_settle_path(s, t->workload, DECISION(USHER_DENIED, rule), USHER_WRITE, 0);
}

/* The user-space argv of the exec system call that the current task is in; 0: not known. */
static __always_inline u64 exec_argv(struct task_struct* task) {
#ifdef __TARGET_ARCH_x86
  struct pt_regs* regs = (void*)bpf_task_pt_regs(task);
  u64 nr = BPF_CORE_READ(regs, orig_ax);
  if (nr == 59) return BPF_CORE_READ(regs, si);
  if (nr == 322) return BPF_CORE_READ(regs, dx);
#endif
  return 0;
}

/*
 * The program at walk.dentry, walk.mount is about to be run, asked for as `text` (walk.text): names
 * both, remembers the program, decides. 1: refuse.
 */
__noinline u32 usher_check_exec(struct usher_scratch* s, struct usher_task* t, u64 argv) {
  if (!s || !t) return 0;
  u32 index = t->workload;
  u64 text = s->walk.text;
  usher_name_path(s, index, USHER_SET_RESOLVED);
  usher_note_program(s);
  struct usher_workload* w = judged_workload(index);
  if (!w) return 0;
  u32 profile = w->profile;
  const struct usher_profile* p = profile_of(profile);
  if (!p) return 0;
  const struct usher_kind* k = &p->kind[USHER_EXEC];
  if (!(k->flags & USHER_KIND_RULED)) return 0;
  s->walk.text = text;
  usher_name_requested(s, index);
  read_merged(&s->name[USHER_SET_REQUESTED], p->merged);
  u64 d = judge_name(s, t, profile, k, USHER_EXEC, true);
  if (!d) return 0;
  s->walk.text = text;
  return usher_settle_path(s, index, d, USHER_EXEC, argv);
}

#endif
