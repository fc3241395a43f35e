/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Remembering the mounts that a container begins with, at its first exec: what is mounted or moved
 * from then on gives the files of these mounts no other name (docs/decisions/0006).
 */
#ifndef USHER_MOUNTS_BPF_H
#define USHER_MOUNTS_BPF_H

#include "path.bpf.h"

enum { MOUNT_STEPS = 4096 }; /* each mount takes two at most */

static __always_inline void add_super(struct usher_workload* w, struct usher_mounts* m, u64 sb) {
  if (is_first_super(w, m, sb)) return;
  u64 at = m->supers;
  m->supers = at + 1;
  if (at >= USHER_MOUNT_SUPERS) return;
  BOUND(at, USHER_MOUNT_SUPERS);
  m->super[at] = sb;
}

static __always_inline void add_root(struct usher_mounts* m, u64 root) {
  u64 at = m->roots;
  m->roots = at + 1;
  if (at >= USHER_MOUNT_ROOTS) {
    m->roots = USHER_MOUNT_ROOTS + 1;
    return;
  }
  BOUND(at, USHER_MOUNT_ROOTS);
  m->root[at] = root;
}

/* Takes the mount at walk.mount in. */
__noinline int usher_remember_mount(struct usher_scratch* s, u32 workload) {
  struct usher_workload* w = workload_of(workload);
  if (!s || !w) return 0;
  struct usher_mounts* m = mounts_of(w);
  if (!m) return 0;
  struct mount* mount = (void*)s->walk.mount;
  struct dentry* root = BPF_CORE_READ(mount, mnt.mnt_root);
  add_super(w, m, (u64)BPF_CORE_READ(root, d_sb));
  add_root(m, (u64)root);
  s->walk.root = w->root_dentry;
  s->walk.mnt_root = (u64)root;
  if (walk(s, (u64)root, USHER_SET_RESOLVED) != WALK_FOUND || !s->walk.hops) return 0;
  u64 at = m->chains;
  if (at >= USHER_MOUNT_CHAINS) return 0;
  BOUND(at, USHER_MOUNT_CHAINS);
  m->chain[at] = s->walk.chain;
  m->chains = at + 1;
  return 0;
}

struct mounts_step {
  struct usher_scratch* scratch;
  u64 top;
  u64 at;
  u32 workload;
  u32 left; /* all below `at` has been visited */
};

static __always_inline u64 child_at(u64 link) {
  return link - bpf_core_field_offset(struct mount, mnt_child);
}

/* One step through the tree of mounts: into a mount, or from one to what comes after it. */
static int mounts_step(u32 i, struct mounts_step* step) {
  struct usher_scratch* s = step->scratch;
  struct mount* at = (void*)step->at;
  if (!s) return 1;
  if (!step->left) {
    if (step->at != step->top) {
      s->walk.mount = step->at;
      usher_remember_mount(s, step->workload);
    }
    u64 none = step->at + bpf_core_field_offset(struct mount, mnt_mounts);
    u64 first = (u64)BPF_CORE_READ(at, mnt_mounts.next);
    if (first != none) {
      step->at = child_at(first);
      return 0;
    }
    step->left = 1;
  }
  if (step->at == step->top) return 1;
  u64 up = (u64)BPF_CORE_READ(at, mnt_parent);
  u64 next = (u64)BPF_CORE_READ(at, mnt_child.next);
  step->left = next == up + bpf_core_field_offset(struct mount, mnt_mounts);
  step->at = step->left ? up : child_at(next);
  return 0;
}

/* Remembers the mounts below the one whose struct vfsmount is at walk.mount, the container's root,
 * for a workload that has not been armed before. */
__noinline int usher_remember_mounts(struct usher_scratch* s, u32 workload) {
  struct usher_workload* w = workload_of(workload);
  if (!s || !w || w->flags & USHER_WORKLOAD_HOST_ROOT) return 0;
  struct usher_mounts* m = mounts_of(w);
  if (!m || __sync_val_compare_and_swap(&m->state, USHER_MOUNTS_NONE, USHER_MOUNTS_TAKING))
    return 0;
  u64 root = s->walk.mount - bpf_core_field_offset(struct mount, mnt);
  struct mounts_step step = {.scratch = s, .top = root, .at = root, .workload = workload};
  bpf_loop(MOUNT_STEPS, mounts_step, &step, 0);
  if (step.at != root || !step.left) m->supers = USHER_MOUNT_SUPERS + 1;
  m->state = USHER_MOUNTS_TAKEN;
  return 0;
}

/* The same for the root that `task` has; `s` is the current task's. Without it the container must
 * not begin: later it could have made mounts. */
static __always_inline bool remember_mounts(struct usher_scratch* s, struct task_struct* task,
                                            u32 workload) {
  if (!s) {
    struct usher_workload* w = workload_of(workload);
    struct usher_mounts* m = w ? mounts_of(w) : 0;
    return !m || m->state != USHER_MOUNTS_NONE;
  }
  s->walk.mount = (u64)BPF_CORE_READ(task, fs, root.mnt);
  usher_remember_mounts(s, workload);
  return true;
}

#endif
