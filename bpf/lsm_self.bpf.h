/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What keeps the enforcement itself out of a workload's reach, whatever capabilities it has. */
#ifndef USHER_LSM_SELF_BPF_H
#define USHER_LSM_SELF_BPF_H

#include "check.bpf.h"

struct bpf_map; /* only its address is looked at */

#define PTRACE_MODE_ATTACH 2

/* The workload of the current task, if anything is denied to it; 0: none. */
static __always_inline u32 held_workload(void) {
  struct usher_task* t = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
  if (!t) return 0;
  u32 index = t->workload;
  struct usher_workload* w = judged_workload(index);
  if (!w) return 0;
  const struct usher_profile* p = profile_of(w->profile);
  if (!p) return 0;
  u32 flags = 0;
#pragma unroll
  for (int i = 0; i < USHER_KINDS; i++) flags |= p->kind[i].flags;
  return flags & USHER_KIND_DENIES ? index : 0;
}

static __always_inline int refuse_reach(u32 workload, u32 kind, u32 rule) {
  u64 d = DECISION(USHER_DENIED, rule);
  return answer(usher_settle_peer(0, workload, d, kind, 0) >= USHER_DENIED);
}

static __always_inline bool is_our_map(const void* map) {
  return map == &workloads || map == &profiles || map == &arena || map == &config ||
         map == &tasks || map == &scratch || map == &enrolled_cgroups || map == &enrolled_mntns ||
         map == &mounts || map == &tids || map == &tid_count || map == &rates || map == &counters ||
         map == &events;
}

/* A descriptor of a map is made: by its id a task with CAP_SYS_ADMIN can have any. */
SEC("lsm/bpf_map")
int BPF_PROG(usher_bpf_map, struct bpf_map* map, unsigned int mode) {
  u32 index = held_workload();
  if (!index || !is_our_map(map)) return 0;
  return refuse_reach(index, USHER_WRITE, USHER_RULE_OUR_MAPS);
}

/* A task that no rule holds must not act for one that rules hold: a runtime's process on its way
 * into the container above all, which is in its pid namespace before its first exec. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(usher_ptrace_access_check, struct task_struct* child, unsigned int mode) {
  if (!(mode & PTRACE_MODE_ATTACH)) return 0;
  u32 index = held_workload();
  if (!index || bpf_task_storage_get(&tasks, child, 0, 0)) return 0;
  return refuse_reach(index, USHER_EXEC, USHER_RULE_TRACE);
}

#endif
