/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Naming files. A file on the workload's own root superblock is named by its dentries up to the
 * root that was remembered when the workload was armed: mounts, namespaces and chroots of today say
 * nothing about it. Any other file is named through the mounts it hangs on, up to the same dentry.
 * What does not get there is unknown.
 */
#ifndef USHER_PATH_BPF_H
#define USHER_PATH_BPF_H

#include "identity.bpf.h"
#include "text.bpf.h"

enum { WALK_GOING = 0, WALK_FOUND = 1, WALK_LOST = 2 };

static __always_inline bool is_error_pointer(u64 pointer) {
  return pointer > ~0ull - 4095;
}

static int walk_step(u32 i, struct usher_step* step) {
  struct usher_scratch* s = step->scratch;
  u32 which = step->which;
  if (!s) return 1;
  struct usher_walk* w = &s->walk;
  struct usher_name* n = name_at(s, which);
  struct dentry* d = (void*)w->dentry;
  if (w->dentry == w->root) {
    w->done = WALK_FOUND;
    return 1;
  }
  if (w->mount && w->dentry == w->mnt_root) {
    struct mount* m = (void*)w->mount;
    struct mount* up = BPF_CORE_READ(m, mnt_parent);
    const struct usher_config* c = node_config();
    if (up == m || !up || !c) {
      w->done = WALK_LOST;
      return 1;
    }
    w->chain = usher_fold(&c->key, w->chain, w->dentry);
    w->chain = usher_fold(&c->key, w->chain, BPF_CORE_READ(d, d_inode, i_ino));
    w->hops++;
    w->dentry = (u64)BPF_CORE_READ(m, mnt_mountpoint);
    w->mnt_root = (u64)BPF_CORE_READ(up, mnt.mnt_root);
    w->mount = (u64)up;
    return 0;
  }
  u64 parent = (u64)BPF_CORE_READ(d, d_parent);
  u32 length = BPF_CORE_READ(d, d_name.len);
  u64 text = (u64)BPF_CORE_READ(d, d_name.name);
  u64 hash = usher_hash_bytes(s, text, length);
  if (parent == w->dentry || !parent || !hash) {
    w->done = WALK_LOST;
    return 1;
  }
  if (w->hops) {
    const struct usher_config* c = node_config();
    if (c) w->chain = usher_fold(&c->key, w->chain, hash);
  }
  u32 at = n->depth & (USHER_MAX_DEPTH - 1);
  n->hash[at] = hash;
  if (which == USHER_SET_RESOLVED) s->dentry[at] = w->dentry;
  if (n->depth == 0) {
    n->base = hash;
    n->leaf = text;
    n->leaf_len = length;
  }
  n->depth++;
  w->dentry = parent;
  return 0;
}

static __always_inline u32 walk(struct usher_scratch* s, u64 dentry, u32 which) {
  struct usher_step step = {.scratch = s, .which = which};
  begin_name(name_at(s, which));
  s->walk.dentry = dentry;
  s->walk.done = WALK_GOING;
  s->walk.chain = 0;
  s->walk.hops = 0;
  bpf_loop(USHER_WALK_MAX, walk_step, &step, 0);
  name_at(s, which)->turn = name_at(s, which)->depth;
  return s->walk.done;
}

/*
 * The walk has come from a file on `sb` through mounts to the root: is that the file's name? Yes if
 * these very mounts, at these very places, were there when the container began. A superblock that
 * came later is named by the mounts of today; one that was there is not: a new mount of it, or an
 * old one in a new place, would take its files out of their rules.
 */
__noinline u32 usher_is_in_place(struct usher_scratch* s, u32 workload, u64 sb) {
  struct usher_workload* w = workload_of(workload);
  if (!s || !w) return 0;
  if (w->flags & USHER_WORKLOAD_HOST_ROOT) return 1; /* it does not make the host's mounts */
  struct usher_mounts* m = mounts_of(w);
  if (!m || m->state != USHER_MOUNTS_TAKEN) return 0;
  u64 chain = s->walk.chain;
  u32 chains = m->chains;
  for (u32 i = 0; i < USHER_MOUNT_CHAINS; i++) {
    if (i >= chains) break;
    if (m->chain[i] == chain) return 1;
  }
  return !is_first_super(w, m, sb);
}

struct volume_step {
  const struct usher_mounts* mounts;
  u64 dentry;
  u32 found;
  u32 reserved;
};

static int volume_step(u32 i, struct volume_step* step) {
  const struct usher_mounts* m = step->mounts;
  u64 d = step->dentry;
  u32 roots = m->roots;
  for (u32 r = 0; r < USHER_MOUNT_ROOTS; r++) {
    if (r >= roots) break;
    if (m->root[r] == d) {
      step->found = 1;
      return 1;
    }
  }
  step->dentry = (u64)BPF_CORE_READ((struct dentry*)d, d_parent);
  return step->dentry == d;
}

/* Does the dentry lie in a volume that the container began with? A copy of a mount that a stacking
 * file system made for itself is asked so: the layers of the container's own root lie elsewhere,
 * those of an overlay over a volume in it. */
__noinline u32 usher_is_in_volume(u32 workload, u64 dentry) {
  struct usher_workload* w = workload_of(workload);
  if (!w || w->flags & USHER_WORKLOAD_HOST_ROOT) return 0;
  struct usher_mounts* m = mounts_of(w);
  if (!m || m->state != USHER_MOUNTS_TAKEN) return 0;
  if (!is_first_super(w, m, (u64)BPF_CORE_READ((struct dentry*)dentry, d_sb))) return 0;
  if (m->roots > USHER_MOUNT_ROOTS) return 1;
  struct volume_step step = {.mounts = m, .dentry = dentry};
  bpf_loop(USHER_WALK_MAX, volume_step, &step, 0);
  return step.found;
}

/*
 * name[which] = the name of (walk.dentry, walk.mount), where walk.mount is the struct vfsmount;
 * returns its state. Pointers come through the scratch: a function's arguments must be scalars.
 */
__noinline u32 usher_name_path(struct usher_scratch* s, u32 workload, u32 which) {
  if (!s) return USHER_NAME_UNKNOWN;
  struct usher_workload* w = workload_of(workload);
  if (!w) return USHER_NAME_UNKNOWN;
  u32 state = USHER_NAME_UNKNOWN;
  u64 dentry = s->walk.dentry;
  u64 vfsmount = s->walk.mount;
  struct super_block* sb = BPF_CORE_READ((struct dentry*)dentry, d_sb);
  s->walk.root = w->root_dentry;
  s->walk.mount = 0;
  if (BPF_CORE_READ(sb, s_flags) & SB_NOUSER) {
    state = USHER_NAME_ANONYMOUS;
  } else if ((u64)sb == w->root_sb && walk(s, dentry, which) == WALK_FOUND) {
    state = USHER_NAME_KNOWN;
  } else if (vfsmount) {
    struct mount* m = (void*)(vfsmount - bpf_core_field_offset(struct mount, mnt));
    if (is_error_pointer((u64)BPF_CORE_READ(m, mnt_ns))) {
      if (!usher_is_in_volume(workload, dentry)) state = USHER_NAME_INTERNAL;
    } else {
      s->walk.mount = (u64)m;
      s->walk.mnt_root = (u64)BPF_CORE_READ(m, mnt.mnt_root);
      if (walk(s, dentry, which) == WALK_FOUND && usher_is_in_place(s, workload, (u64)sb))
        state = USHER_NAME_KNOWN;
    }
  }
  if (state == USHER_NAME_UNKNOWN) count(USHER_COUNT_UNKNOWN);
  if (state != USHER_NAME_KNOWN) {
    begin_name(name_at(s, which));
    name_at(s, which)->leaf = (u64)BPF_CORE_READ((struct dentry*)dentry, d_name.name);
    name_at(s, which)->leaf_len = BPF_CORE_READ((struct dentry*)dentry, d_name.len);
  }
  name_at(s, which)->state = state;
  return state;
}

/*
 * name[REQUESTED] = walk.text as the current task would look it up, made absolute by names: from
 * its working directory, or from its root where that is not the workload's. A directory that has no
 * name counts as "/": base names hold all the same.
 */
__noinline int usher_name_requested(struct usher_scratch* s, u32 workload) {
  if (!s) return 0;
  struct usher_workload* w = workload_of(workload);
  if (!w) return 0;
  struct task_struct* task = (void*)bpf_get_current_task();
  u64 text = s->walk.text;
  char first = 0;
  bpf_probe_read_kernel(&first, 1, (void*)text);
  struct fs_struct* fs = BPF_CORE_READ(task, fs);
  u64 dentry;
  if (first == '/') {
    dentry = (u64)BPF_CORE_READ(fs, root.dentry);
    s->walk.mount = (u64)BPF_CORE_READ(fs, root.mnt);
  } else {
    dentry = (u64)BPF_CORE_READ(fs, pwd.dentry);
    s->walk.mount = (u64)BPF_CORE_READ(fs, pwd.mnt);
  }
  s->walk.dentry = dentry;
  if (dentry == w->root_dentry ||
      usher_name_path(s, workload, USHER_SET_REQUESTED) != USHER_NAME_KNOWN)
    begin_name(&s->name[USHER_SET_REQUESTED]);
  s->walk.text = text;
  return usher_append_text(s, USHER_SET_REQUESTED);
}

#endif
