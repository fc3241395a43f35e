// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The LSM backend: everything. Attributes: lsm_attr.bpf.h; sockets: lsm_socket.bpf.h; our own
 * defence: lsm_self.bpf.h. */
#include "check.bpf.h"
#include "dentry.bpf.h"
#include "lsm_attr.bpf.h"
#include "lsm_self.bpf.h"
#include "lsm_socket.bpf.h"
#include "unenrolled.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- identity -------------------------------------------------------------------------------- */

SEC("lsm/task_alloc")
int BPF_PROG(usher_task_alloc, struct task_struct* child, unsigned long clone_flags) {
  struct usher_task* t = identity_of(bpf_get_current_task_btf());
  if (!t) return 0;
  if (!hand_down(t, child)) return -EAGAIN;
  return 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(usher_bprm_check_security, struct linux_binprm* bprm) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t) {
    u32 index = 0;
    int armed = arm(task, &index);
    if (armed == ARM_NOBODY) return answer(refuse_unenrolled(task, bprm->file));
    if (armed == ARM_DISAGREE) {
      u64 d = DECISION(USHER_DENIED, USHER_RULE_DISAGREE);
      return answer(usher_settle_peer(0, index, d, USHER_EXEC, 0) >= USHER_DENIED);
    }
    if (armed == ARM_FIRST) report_armed(index);
    t = identity_of(task);
    if (!t || !remember_mounts(scratch_of(task), task, index)) return -EAGAIN;
  }
  struct usher_scratch* s = scratch_of(task);
  if (!s) return answer(usher_check_bare(t, USHER_EXEC));
  s->walk.dentry = (u64)bprm->file->f_path.dentry;
  s->walk.mount = (u64)bprm->file->f_path.mnt;
  s->walk.text = (u64)bprm->interp;
  return answer(usher_check_exec(s, t, exec_argv(task)));
}

/* Past the point of no return: the task is the program that was checked last. */
SEC("lsm/bprm_committed_creds")
int BPF_PROG(usher_bprm_committed_creds, struct linux_binprm* bprm) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t) return 0;
  struct usher_scratch* s = bpf_task_storage_get(&scratch, task, 0, 0);
  if (s)
    adopt_program(t, &s->pending);
  else
    t->program = 0;
  t->flags &= ~USHER_TASK_ITERATED;
  return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(usher_cgroup_rmdir, struct cgroup* cgroup, const char* path) {
  return forget_cgroup(cgroup);
}

/* ---- open ------------------------------------------------------------------------------------ */

/* Names an opened file; false: it is not to be judged. */
static __always_inline bool name_open_file(struct usher_scratch* s, struct usher_workload* w,
                                           u32 index, struct file* file) {
  struct dentry* dentry = file->f_path.dentry;
  if ((u64)dentry->d_sb == w->root_sb && walk_typed(s, dentry, w->root_dentry)) return true;
  u32 layer = file->f_mode & FMODE_NOACCOUNT;
  s->walk.dentry = (u64)dentry;
  s->walk.mount = layer ? 0 : (u64)file->f_path.mnt;
  u32 state = usher_name_path(s, index, USHER_SET_RESOLVED);
  /* before 6.8 it is not said which file of the layer is meant */
  if (layer && dentry->d_sb != file->f_inode->i_sb)
    s->name[USHER_SET_RESOLVED].state = USHER_NAME_UNKNOWN;
  if (layer) return true;
  return state != USHER_NAME_INTERNAL && state != USHER_NAME_ANONYMOUS;
}

/* The superblock of the file that was asked for, where a stacking file system opens a layer of it.
 */
static __always_inline u64 asked_super(struct file* file) {
  if (bpf_core_field_exists(((struct backing_file*)0)->user_path)) {
    u64 at = (u64)file; /* its first member */
    return (u64)BPF_CORE_READ((struct backing_file*)at, user_path.dentry, d_sb);
  }
  return (u64)file->f_path.dentry->d_sb;
}

/*
 * Is a stacking file system's own open of a layer to be judged? Not if the stack is one that the
 * container began with, its root above all: the file that was asked for has been judged. Of one
 * that came later, an overlay of the workload's making, those layers are that the container began
 * with.
 */
static __noinline bool is_judged_layer(struct usher_workload* w, struct file* file) {
  struct usher_mounts* m = mounts_of(w);
  u64 asked = asked_super(file);
  u64 layer = (u64)file->f_inode->i_sb;
  if (asked == w->root_sb) return false;
  if (!m) return true;
  return !has_super(w, m, asked) && is_first_super(w, m, layer);
}

SEC("lsm/file_open")
int BPF_PROG(usher_file_open, struct file* file) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t) return 0;
  u32 flags = file->f_flags;
  u32 mode = file->f_mode;
  if (flags & FMODE_OPENED_FOR_EXEC) return 0;
  u32 index = t->workload;
  struct usher_workload* w = judged_workload(index);
  if (!w) return 0;
  const struct usher_profile* p = profile_of(w->profile);
  if (!p) return 0;
  bool read = mode & FMODE_READ && p->kind[USHER_READ].flags & USHER_KIND_RULED;
  bool write =
      (mode & FMODE_WRITE || flags & O_TRUNC) && p->kind[USHER_WRITE].flags & USHER_KIND_RULED;
  if (!read && !write) return 0;
  if (mode & FMODE_NOACCOUNT) {
    if (!is_judged_layer(w, file)) return 0;
  } else if (nothing_holds(file->f_path.dentry, w, p, read, write)) {
    return 0;
  }
  struct usher_scratch* s = scratch_of(task);
  if (!s) {
    if (read && usher_check_bare(t, USHER_READ)) return -EPERM;
    return answer(write && usher_check_bare(t, USHER_WRITE));
  }
  if (!name_open_file(s, w, index, file)) return 0;
  if (read && usher_check_named(s, t, USHER_READ)) return -EPERM;
  return answer(write && usher_check_named(s, t, USHER_WRITE));
}

/* ---- other ways to change a file --------------------------------------------------------------
 */

/* The old name of a rename or a link. */
static __always_inline int check_source(struct dentry* dentry, struct vfsmount* mnt) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t) return 0;
  if (!is_ruled(t, USHER_WRITE, USHER_KIND_RULED) && !is_ruled(t, USHER_EXEC, USHER_KIND_DENIES) &&
      !is_ruled(t, USHER_READ, USHER_KIND_DENIES))
    return 0;
  struct usher_scratch* s = scratch_of(task);
  if (!s) return answer(usher_check_bare(t, USHER_WRITE));
  struct inode* inode = dentry->d_inode;
  u32 directory = inode && (inode->i_mode & S_IFMT) == S_IFDIR;
  s->walk.dentry = (u64)dentry;
  s->walk.mount = (u64)mnt;
  return answer(usher_check_source(s, t, directory));
}

SEC("lsm/path_truncate")
int BPF_PROG(usher_path_truncate, struct path* path) {
  return check_write(path->dentry, path->mnt);
}

SEC("lsm/path_unlink")
int BPF_PROG(usher_path_unlink, struct path* dir, struct dentry* dentry) {
  return check_write(dentry, dir->mnt);
}

SEC("lsm/path_rmdir")
int BPF_PROG(usher_path_rmdir, struct path* dir, struct dentry* dentry) {
  return check_write(dentry, dir->mnt);
}

SEC("lsm/path_mkdir")
int BPF_PROG(usher_path_mkdir, struct path* dir, struct dentry* dentry) {
  return check_write(dentry, dir->mnt);
}

SEC("lsm/path_mknod")
int BPF_PROG(usher_path_mknod, struct path* dir, struct dentry* dentry) {
  return check_write(dentry, dir->mnt);
}

SEC("lsm/path_symlink")
int BPF_PROG(usher_path_symlink, struct path* dir, struct dentry* dentry) {
  return check_write(dentry, dir->mnt);
}

SEC("lsm/path_chmod")
int BPF_PROG(usher_path_chmod, struct path* path) {
  return check_write(path->dentry, path->mnt);
}

SEC("lsm/path_chown")
int BPF_PROG(usher_path_chown, struct path* path) {
  return check_write(path->dentry, path->mnt);
}

SEC("lsm/path_link")
int BPF_PROG(usher_path_link, struct dentry* old, struct path* dir, struct dentry* new) {
  if (check_source(old, dir->mnt)) return -EPERM;
  return check_write(new, dir->mnt);
}

#define RENAME_EXCHANGE (1 << 1)

SEC("lsm/path_rename")
int BPF_PROG(usher_path_rename, struct path* old_dir, struct dentry* old, struct path* new_dir,
             struct dentry* new, unsigned int flags) {
  if (check_source(old, old_dir->mnt)) return -EPERM;
  if (flags & RENAME_EXCHANGE) return check_source(new, new_dir->mnt);
  return check_write(new, new_dir->mnt);
}

/* ---- mounts -----------------------------------------------------------------------------------
 */

static __always_inline int check_mount_point(struct path* path) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct usher_task* t = identity_of(task);
  if (!t) return 0;
  struct usher_scratch* s = scratch_of(task);
  if (!s) return answer(usher_check_bare(t, USHER_WRITE));
  s->walk.dentry = (u64)path->dentry;
  s->walk.mount = (u64)path->mnt;
  return answer(usher_check_mount_point(s, t));
}

#define MS_REMOUNT 32ul
#define MS_PROPAGATION (1ul << 17 | 1ul << 18 | 1ul << 19 | 1ul << 20)

SEC("lsm/sb_mount")
int BPF_PROG(usher_sb_mount, const char* source, struct path* path, const char* type,
             unsigned long flags) {
  if (flags & (MS_REMOUNT | MS_PROPAGATION)) return 0;
  return check_mount_point(path);
}

SEC("lsm/move_mount")
int BPF_PROG(usher_move_mount, struct path* from, struct path* to) {
  return check_mount_point(to);
}
