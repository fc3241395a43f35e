/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is kept beside a file's contents: extended attributes, ACLs, inode flags. They are written.
 */
#ifndef USHER_LSM_ATTR_BPF_H
#define USHER_LSM_ATTR_BPF_H

#include "check.bpf.h"

static __always_inline bool is_ruled(const struct usher_task* t, u32 kind, u32 flag) {
  struct usher_workload* w = judged_workload(t->workload);
  if (!w) return false;
  const struct usher_profile* p = profile_of(w->profile);
  return p && p->kind[kind].flags & flag;
}

static __always_inline int check_write(struct dentry* dentry, struct vfsmount* mnt) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t || !is_ruled(t, USHER_WRITE, USHER_KIND_RULED)) return 0;
  struct usher_scratch* s = scratch_of(task);
  if (!s) return answer(usher_check_bare(t, USHER_WRITE));
  s->walk.dentry = (u64)dentry;
  s->walk.mount = (u64)mnt;
  return answer(usher_check_path(s, t, USHER_WRITE));
}

/*
 * These hooks are given no mount, and without one only a file of the container's root has a name.
 * Others are not judged: unknown would refuse every attribute on every volume as soon as one write
 * is denied anywhere.
 */
static __always_inline int check_attribute(struct dentry* dentry) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t) return 0;
  struct usher_workload* w = judged_workload(t->workload);
  if (!w || (u64)dentry->d_sb != w->root_sb) return 0;
  const struct usher_profile* p = profile_of(w->profile);
  if (!p || !(p->kind[USHER_WRITE].flags & USHER_KIND_RULED)) return 0;
  struct usher_scratch* s = scratch_of(task);
  if (!s) return answer(usher_check_bare(t, USHER_WRITE));
  s->walk.dentry = (u64)dentry;
  s->walk.mount = 0;
  if (usher_name_path(s, t->workload, USHER_SET_RESOLVED) != USHER_NAME_KNOWN) return 0;
  return answer(usher_check_named(s, t, USHER_WRITE));
}

/* The first argument is a mapping of ids, which has had two types. */
SEC("lsm/inode_setxattr")
int BPF_PROG(usher_inode_setxattr, const void* map, struct dentry* dentry) {
  return check_attribute(dentry);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(usher_inode_removexattr, const void* map, struct dentry* dentry) {
  return check_attribute(dentry);
}

/* Since 6.2; before, an ACL is an extended attribute there, too. */
SEC("?lsm/inode_set_acl")
int BPF_PROG(usher_inode_set_acl, const void* map, struct dentry* dentry) {
  return check_attribute(dentry);
}

SEC("?lsm/inode_remove_acl")
int BPF_PROG(usher_inode_remove_acl, const void* map, struct dentry* dentry) {
  return check_attribute(dentry);
}

#define IOC_SETFLAGS 0x40086602 /* FS_IOC_SETFLAGS: chattr */
#define IOC_SETFLAGS_32 0x40046602
#define IOC_FSSETXATTR 0x401c5820 /* FS_IOC_FSSETXATTR: the same and more */

static __always_inline int check_ioctl(struct file* file, unsigned int command) {
  if (command != IOC_SETFLAGS && command != IOC_SETFLAGS_32 && command != IOC_FSSETXATTR) return 0;
  return check_write(file->f_path.dentry, file->f_path.mnt);
}

SEC("lsm/file_ioctl")
int BPF_PROG(usher_file_ioctl, struct file* file, unsigned int command) {
  return check_ioctl(file, command);
}

/* Since 6.8 what 32-bit programs ask for has a hook of its own. */
SEC("?lsm/file_ioctl_compat")
int BPF_PROG(usher_file_ioctl_compat, struct file* file, unsigned int command) {
  return check_ioctl(file, command);
}

#endif
