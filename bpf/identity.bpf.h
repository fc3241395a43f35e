/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who a task is. Its identity is a value in task storage: set once, at an exec inside an enrolled
 * container's root (or by the iterator), handed to every child, never taken away. Nothing but this
 * file looks at cgroups and namespaces.
 */
#ifndef USHER_IDENTITY_BPF_H
#define USHER_IDENTITY_BPF_H

#include "maps.bpf.h"

enum { USHER_CGROUP_DEPTH = 32 }; /* levels searched; the kernel's own default limit is unlimited */

static __always_inline bool is_host_root(u64 dentry) {
  const struct usher_config* c = node_config();
  if (!c) return true;
  bool host = false;
#pragma unroll
  for (int i = 0; i < USHER_HOST_ROOTS; i++) host |= c->host_root[i] == dentry;
  return host;
}

/* The cgroup's ancestor at a level from 1 on; at its own level itself. */
static __always_inline struct cgroup* ancestor_at(struct cgroup* own, u32 level) {
  struct cgroup* at = 0;
  bpf_probe_read_kernel(
      &at, sizeof(at),
      (void*)own + bpf_core_field_offset(struct cgroup, ancestors) + level * sizeof(at));
  return at;
}

/* The workload that the task's cgroup, or the ancestor nearest the root, is enrolled for; 0: none.
 * From the top: a cgroup that the workload makes inside its own says nothing. */
static __always_inline u32 cgroup_workload(struct task_struct* task) {
  struct cgroup* own = BPF_CORE_READ(task, cgroups, dfl_cgrp);
  u32 level = BPF_CORE_READ(own, level);
  for (u32 i = 1; i < USHER_CGROUP_DEPTH; i++) {
    if (i > level) break;
    struct cgroup* at = ancestor_at(own, i);
    u64 id = BPF_CORE_READ(at, kn, id);
    u32* found = bpf_map_lookup_elem(&enrolled_cgroups, &id);
    if (found) return *found;
  }
  return 0;
}

/* 0: this kernel does not tell. */
static __always_inline u64 mntns_id(struct mnt_namespace* ns) {
  struct mnt_namespace___id* newer = (void*)ns;
  struct mnt_namespace___seq* older = (void*)ns;
  if (bpf_core_field_exists(newer->ns.ns_id)) return BPF_CORE_READ(newer, ns.ns_id);
  if (bpf_core_field_exists(older->seq)) return BPF_CORE_READ(older, seq);
  return 0;
}

/* The workload whose mount namespace the task is in; 0: none. The kernel gives a namespace's number
 * out again as soon as it has ended, perhaps to a container of nobody's: the number alone says
 * nothing. */
static __always_inline u32 mntns_workload(struct task_struct* task) {
  struct mnt_namespace* ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
  u32 inum = BPF_CORE_READ(ns, ns.inum);
  u32* found = bpf_map_lookup_elem(&enrolled_mntns, &inum);
  if (!found) return 0;
  struct usher_workload* w = workload_of(*found);
  return w && w->mntns_id == mntns_id(ns) ? *found : 0;
}

/* Of a task whose cgroup says that it is the workload's. */
static __always_inline void remember_mntns(struct usher_workload* w, struct task_struct* task) {
  struct mnt_namespace* ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
  if (!w->mntns_id && BPF_CORE_READ(ns, ns.inum) == w->mntns) w->mntns_id = mntns_id(ns);
}

/* Remembers the container's root at the first arming. True for the one who was the first. */
static __always_inline bool remember_root(struct usher_workload* w, struct dentry* root) {
  u64 sb = (u64)BPF_CORE_READ(root, d_sb);
  if (w->root_dentry) return false;
  w->root_sb = sb; /* the same for all who race here: they are in one container */
  return __sync_val_compare_and_swap(&w->root_dentry, 0, (u64)root) == 0;
}

/* Is this a superblock that the container began with? */
static __always_inline bool has_super(const struct usher_workload* w, const struct usher_mounts* m,
                                      u64 sb) {
  u32 supers = m->supers;
  if (sb == w->root_sb) return true;
  for (u32 i = 0; i < USHER_MOUNT_SUPERS; i++) {
    if (i >= supers) break;
    if (m->super[i] == sb) return true;
  }
  return false;
}

/* The same, or may it be one? */
static __always_inline bool is_first_super(const struct usher_workload* w,
                                           const struct usher_mounts* m, u64 sb) {
  return m->supers > USHER_MOUNT_SUPERS || has_super(w, m, sb);
}

/* Not inline: the value would lie in the caller's stack frame, of which there are few bytes. */
static __noinline struct usher_task* give_identity(struct task_struct* task, u32 workload,
                                                   u32 flags) {
  struct usher_task fresh = {.workload = workload, .flags = flags};
  return bpf_task_storage_get(&tasks, task, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* arm()'s answers. */
enum { ARM_NOBODY = 0, ARM_DONE = 1, ARM_FIRST = 2, ARM_DISAGREE = -1, ARM_NO_MEMORY = -2 };

/* At an exec by a task without identity: whose is it? `*workload` is set but for ARM_NOBODY. */
static __always_inline int arm(struct task_struct* task, u32* workload) {
  struct dentry* root = task->fs->root.dentry;
  if (is_host_root((u64)root)) return ARM_NOBODY;
  u32 by_cgroup = cgroup_workload(task);
  u32 by_mntns = mntns_workload(task);
  u32 index = by_cgroup ? by_cgroup : by_mntns;
  if (!index) return ARM_NOBODY;
  *workload = index;
  if (by_cgroup && by_mntns && by_cgroup != by_mntns) {
    count(USHER_COUNT_DISAGREED);
    return ARM_DISAGREE;
  }
  struct usher_workload* w = workload_of(index);
  if (!w || !(w->flags & USHER_WORKLOAD_LIVE)) return ARM_NOBODY;
  if (w->flags & USHER_WORKLOAD_AWAITED) __sync_fetch_and_and(&w->flags, ~USHER_WORKLOAD_AWAITED);
  bool first = remember_root(w, root);
  if (by_cgroup) remember_mntns(w, task);
  if (!give_identity(task, index, 0)) {
    count(USHER_COUNT_STORAGE_FAILED);
    return ARM_NO_MEMORY;
  }
  count(USHER_COUNT_ARMED);
  return first ? ARM_FIRST : ARM_DONE;
}

/* A child is who its parent is. False: it could not be stored. */
static __always_inline bool hand_down(struct usher_task* parent, struct task_struct* child) {
  if (bpf_task_storage_get(&tasks, child, parent, BPF_LOCAL_STORAGE_GET_F_CREATE)) return true;
  count(USHER_COUNT_STORAGE_FAILED);
  return false;
}

static __always_inline struct usher_scratch* scratch_of(struct task_struct* task) {
  return bpf_task_storage_get(&scratch, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* The workload, if its tasks are judged at all. */
static __always_inline struct usher_workload* judged_workload(u32 index) {
  struct usher_workload* w = workload_of(index);
  if (!w || !w->profile || w->flags & USHER_WORKLOAD_RELEASED) return 0;
  return w;
}

/* The identity of the current task; null: it has none. Most tasks of a node have no storage of any
 * sort, which one load says and a helper's call ten times dearer. */
static __always_inline struct usher_task* identity_of(struct task_struct* task) {
  if (!task->bpf_storage) return 0;
  return bpf_task_storage_get(&tasks, task, 0, 0);
}

#endif
