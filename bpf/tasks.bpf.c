// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Task iterators: what the agent asks about all tasks. Each visits every thread. */
#include "mounts.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void write_holder(struct seq_file* seq, u32 pid, u32 workload) {
  struct usher_holder holder = {.pid = pid, .workload = workload};
  bpf_seq_write(seq, &holder, sizeof(holder));
}

/* Tags tasks that run in an enrolled cgroup and began before it was enrolled. Not those of a
 * container that is awaited: what its runtime's init opens on its way to the exec is no policy's.
 */
SEC("iter/task")
int tag_tasks(struct bpf_iter__task* ctx) {
  struct seq_file* seq = ctx->meta->seq;
  struct task_struct* task = ctx->task;
  if (!task || bpf_task_storage_get(&tasks, task, 0, 0)) return 0;
  u32 index = cgroup_workload(task);
  if (!index) return 0;
  struct usher_workload* w = workload_of(index);
  if (!w || !(w->flags & USHER_WORKLOAD_LIVE) || w->flags & USHER_WORKLOAD_AWAITED) return 0;
  struct dentry* root = BPF_CORE_READ(task, fs, root.dentry);
  if (!root || (is_host_root((u64)root) && !(w->flags & USHER_WORKLOAD_HOST_ROOT))) return 0;
  remember_root(w, root);
  remember_mntns(w, task);
  if (!remember_mounts(scratch_of(bpf_get_current_task_btf()), task, index)) {
    count(USHER_COUNT_STORAGE_FAILED);
    return 0;
  }
  if (!give_identity(task, index, USHER_TASK_ITERATED)) {
    count(USHER_COUNT_STORAGE_FAILED);
    return 0;
  }
  u32 tid = task->pid;
  const struct usher_config* c = node_config();
  if (c && c->flags & USHER_CONFIG_TIDS) remember_tid(tid, index);
  write_holder(seq, tid, index);
  return 0;
}

SEC("iter/task")
int list_holders(struct bpf_iter__task* ctx) {
  struct seq_file* seq = ctx->meta->seq;
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  struct usher_task* t = bpf_task_storage_get(&tasks, task, 0, 0);
  if (t) write_holder(seq, task->pid, t->workload);
  return 0;
}

SEC("iter/task")
int read_roots(struct bpf_iter__task* ctx) {
  struct seq_file* seq = ctx->meta->seq;
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  struct usher_root_of root = {.pid = task->pid};
  if (root.pid != 1 && root.pid != 2) return 0;
  root.dentry = (u64)BPF_CORE_READ(task, fs, root.dentry);
  bpf_seq_write(seq, &root, sizeof(root));
  return 0;
}
