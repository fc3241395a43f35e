/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Execs in pods by tasks that nobody enrolled (docs/decisions/0016). What sets a container's
 * programs apart from its runtime's setup is their root, as in arm().
 */
#ifndef USHER_UNENROLLED_BPF_H
#define USHER_UNENROLLED_BPF_H

#include "check.bpf.h"

enum { POD_NAMES = 8 }; /* names of cgroups that an event tells */

struct pod_step {
  struct usher_scratch* scratch;
  u64 cgroup;
  u32 level; /* of the cgroup */
  u32 root;  /* level of the cgroup that holds the pods; 0: none was met */
  u32 is_agents;
  u32 reserved;
};

static int pod_step(u32 i, struct pod_step* step) {
  struct usher_scratch* s = step->scratch;
  const struct usher_unenrolled* u = unenrolled_rules();
  u32 level = i + 1;
  if (!s || !u || level > step->level) return 1;
  struct cgroup* at = ancestor_at((void*)step->cgroup, level);
  step->is_agents = u->agent_cgroup && BPF_CORE_READ(at, kn, id) == u->agent_cgroup;
  if (step->is_agents) return 1;
  if (step->root) return 0;
  u64 name = (u64)BPF_CORE_READ(at, kn, name);
  long size = bpf_probe_read_kernel_str(s->words, sizeof(s->words), (void*)name);
  u64 hash = size > 1 ? usher_hash_bytes(s, name, size - 1) : 0;
  if (!hash) return 0;
  for (u32 n = 0; n < USHER_POD_ROOTS; n++)
    if (u->root[n] == hash) step->root = level;
  return 0;
}

/* name[RESOLVED] = the file's name from the task's own root, on that root's superblock only. */
static __always_inline void name_in_root(struct usher_scratch* s, struct task_struct* task) {
  u64 dentry = s->walk.dentry;
  struct usher_name* n = &s->name[USHER_SET_RESOLVED];
  s->walk.root = (u64)BPF_CORE_READ(task, fs, root.dentry);
  s->walk.mount = 0;
  if (walk(s, dentry, USHER_SET_RESOLVED) == WALK_FOUND) {
    n->state = USHER_NAME_KNOWN;
    return;
  }
  begin_name(n);
  n->state = USHER_NAME_UNKNOWN;
  n->leaf = (u64)BPF_CORE_READ((struct dentry*)dentry, d_name.name);
  n->leaf_len = BPF_CORE_READ((struct dentry*)dentry, d_name.len);
}

static __always_inline bool is_exempt_program(const struct usher_unenrolled* u, u64 program) {
  bool exempt = false;
#pragma unroll
  for (int i = 0; i < USHER_EXEMPT_PROGRAMS; i++) exempt |= u->program[i] == program;
  return exempt && program;
}

/* Was it given the node: its pid namespace, and what it takes to enter any other in the first user
 * namespace? Whoever was can end all of this, so that the agent's name is proof enough. */
static __always_inline bool has_the_node(struct task_struct* task) {
  u64 needed = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_PTRACE;
  u64 effective = 0;
  const struct cred* cred = BPF_CORE_READ(task, cred);
  bpf_probe_read_kernel(&effective, sizeof(effective),
                        (void*)cred + bpf_core_field_offset(struct cred, cap_effective));
  if (BPF_CORE_READ(cred, user_ns, level) || BPF_CORE_READ(task, thread_pid, level)) return false;
  return (effective & needed) == needed;
}

struct names_step {
  struct usher_kernel_event* event;
  u64 cgroup;
  u64 begin;
  u64 at;
  u32 level; /* of the next */
  u32 last;
};

static int names_step(u32 i, struct names_step* step) {
  struct usher_kernel_event* e = step->event;
  u64 at = step->at;
  u64 begin = step->begin;
  if (!e || step->level > step->last || at > USHER_ARGS_MAX - ARGS_EACH) return 1;
  struct cgroup* cgroup = ancestor_at((void*)step->cgroup, step->level);
  BOUND(begin, USHER_PATH_MAX);
  BOUND(at, USHER_ARGS_MAX - ARGS_EACH + 1);
  long n =
      bpf_probe_read_kernel_str(&e->data[begin + at], ARGS_EACH, BPF_CORE_READ(cgroup, kn, name));
  if (n <= 0) return 1;
  step->at = at + n;
  step->level++;
  return 0;
}

/* levels: of the cgroup << 16 | of the one that holds the pods. */
__noinline int usher_report_unenrolled(struct usher_scratch* s, u64 decision, u32 flags, u64 cgroup,
                                       u32 levels) {
  if (!s) return 0;
  if (!usher_admit(0, USHER_RULE_UNENROLLED)) return 0;
  struct usher_kernel_event* e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) return usher_drop(0, USHER_RULE_UNENROLLED);
  fill_event(e, USHER_EVENT_VERDICT, 0, decision, USHER_EXEC, flags);
  if (s->name[USHER_SET_RESOLVED].state != USHER_NAME_KNOWN) e->flags |= USHER_EVENT_UNKNOWN_FILE;
  e->suppressed = usher_claim(0, USHER_RULE_UNENROLLED);
  usher_render(s, e);
  struct names_step step = {.event = e,
                            .cgroup = cgroup,
                            .begin = e->path_len,
                            .level = levels & 0xffff,
                            .last = levels >> 16};
  bpf_loop(POD_NAMES, names_step, &step, 0);
  e->args_len = step.at;
  e->size = EVENT_HEADER + e->path_len + e->args_len;
  bpf_ringbuf_submit(e, 0);
  return 0;
}

/* The same contract as usher_check_exec, for a task without identity; one that runs an exempt
 * program has one afterwards. */
__noinline u32 usher_check_unenrolled(struct usher_scratch* s) {
  const struct usher_config* c = node_config();
  const struct usher_unenrolled* u = unenrolled_rules();
  if (!s || !c || !u) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  u64 cgroup = (u64)BPF_CORE_READ(task, cgroups, dfl_cgrp);
  struct pod_step step = {.scratch = s, .cgroup = cgroup};
  step.level = BPF_CORE_READ((struct cgroup*)cgroup, level);
  bpf_loop(USHER_CGROUP_DEPTH, pod_step, &step, 0);
  if (!step.root || step.is_agents) return 0;
  name_in_root(s, task);
  usher_note_program(s);
  u64 program = s->pending.program;
  if (program && program == u->agent_program && has_the_node(task)) return 0;
  if (u->workload && is_exempt_program(u, program)) {
    if (give_identity(task, u->workload, 0)) {
      count(USHER_COUNT_EXEMPT);
      return 0;
    }
    count(USHER_COUNT_STORAGE_FAILED);
  }
  count(USHER_COUNT_UNENROLLED);
  u64 d = DECISION(c->unenrolled == USHER_UNENROLLED_DENY ? USHER_DENIED : USHER_WOULD_DENY,
                   USHER_RULE_UNENROLLED);
  u32 flags = 0;
  d = soften(d, &flags);
  usher_report_unenrolled(s, d, flags, cgroup, step.level << 16 | step.root);
  return DECISION_VERDICT(d) >= USHER_DENIED;
}

/* Of a task that arm() found nobody for. True: refuse. */
static __always_inline bool refuse_unenrolled(struct task_struct* task, struct file* file) {
  const struct usher_config* c = node_config();
  if (!c || c->unenrolled == USHER_UNENROLLED_ALLOW) return false;
  if (is_host_root((u64)task->fs->root.dentry)) return false;
  struct usher_scratch* s = scratch_of(task);
  if (!s) {
    count(USHER_COUNT_STORAGE_FAILED);
    return c->unenrolled == USHER_UNENROLLED_DENY && !(c->flags & USHER_CONFIG_AUDIT);
  }
  s->walk.dentry = (u64)file->f_path.dentry;
  s->walk.mount = (u64)file->f_path.mnt;
  return usher_check_unenrolled(s);
}

#endif
