// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The backend for kernels that take no LSM programs. An exec is judged when it has happened and its
 * task is killed before it has run an instruction; sockets are refused by cgroup programs, which
 * know who asks by the table of thread ids and nothing of the program (`from` is not for them).
 */
#include "check.bpf.h"
#include "unenrolled.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- identity -------------------------------------------------------------------------------- */

static __always_inline u32 workload_of_tid(u32 tid) {
  u32* index = bpf_map_lookup_elem(&tids, &tid);
  return index ? *index : 0;
}

/* Storage, or what was remembered of a child that could not have any. */
static __always_inline struct usher_task* remembered_identity(struct task_struct* task) {
  struct usher_task* t = identity_of(task);
  if (t) return t;
  u32 index = workload_of_tid(task->pid);
  return index ? give_identity(task, index, 0) : 0;
}

static __always_inline bool denies_sockets(u32 index) {
  struct usher_workload* w = judged_workload(index);
  const struct usher_profile* p = w ? profile_of(w->profile) : 0;
  return p && (p->kind[USHER_CONNECT].flags | p->kind[USHER_BIND].flags) & USHER_KIND_DENIES;
}

/*
 * A child without an entry would have its sockets unjudged, and can be killed by nobody here: a
 * signal goes to the current task only. So the last part of the table is kept for this: who forks
 * while it is in use is killed, and the child has its entry, and is killed when it forks in turn.
 * Workloads whose sockets are not ruled leave that part alone.
 */
static __always_inline void remember_child(u32 tid, u32 index) {
  u64* n = tids_in_use();
  if (!n || *n < TIDS_MARK) {
    if (!remember_tid(tid, index) && denies_sockets(index)) bpf_send_signal(SIGKILL);
    return;
  }
  if (denies_sockets(index)) {
    remember_tid(tid, index);
    bpf_send_signal(SIGKILL);
  } else {
    forget_tid(tid); /* an earlier owner's */
  }
  count(USHER_COUNT_STORAGE_FAILED);
}

SEC("tp_btf/task_newtask")
int BPF_PROG(usher_task_newtask, struct task_struct* child, unsigned long clone_flags) {
  struct task_struct* parent = bpf_get_current_task_btf();
  struct usher_task* t = remembered_identity(parent);
  u32 index = t ? t->workload : workload_of_tid(parent->pid);
  u32 child_tid = child->pid;
  if (!index) {
    /* Thread ids come round again: what an earlier owner left must not become this task's. */
    forget_tid(child_tid);
    return 0;
  }
  remember_child(child_tid, index);
  if (t) hand_down(t, child);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(usher_process_exit, struct task_struct* task) {
  forget_tid(task->pid);
  return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(usher_cgroup_rmdir, struct cgroup* cgroup, const char* path) {
  return forget_cgroup(cgroup);
}

/* ---- exec ------------------------------------------------------------------------------------ */

static __always_inline int exec_unenrolled(struct task_struct* task, struct file* file) {
  if (refuse_unenrolled(task, file)) {
    bpf_send_signal(SIGKILL);
    return 0;
  }
  struct usher_task* t = identity_of(task);
  if (t) remember_tid(task->pid, t->workload);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(usher_process_exec, struct task_struct* task, int old_pid, struct linux_binprm* bprm) {
  struct usher_task* t = remembered_identity(task);
  u32 tid = task->pid;
  u32 old_tid = old_pid;
  if (!t) {
    u32 index = 0;
    int armed = arm(task, &index);
    if (armed == ARM_NOBODY) return exec_unenrolled(task, bprm->file);
    if (armed == ARM_DISAGREE) {
      u64 d = DECISION(USHER_KILLED, USHER_RULE_DISAGREE);
      if (usher_settle_peer(0, index, d, USHER_EXEC, 0) == USHER_KILLED) bpf_send_signal(SIGKILL);
      return 0;
    }
    remember_tid(tid, index);
    if (armed == ARM_FIRST) report_armed(index);
    t = bpf_task_storage_get(&tasks, task, 0, 0);
    if (!t || !remember_mounts(scratch_of(task), task, index)) {
      bpf_send_signal(SIGKILL);
      return 0;
    }
  } else if (tid != old_tid) {
    /* a thread that was not the leader has taken the leader's id */
    remember_tid(tid, t->workload);
    forget_tid(old_tid);
  }
  struct usher_scratch* s = scratch_of(task);
  u32 refused;
  if (!s) {
    refused = usher_check_bare(t, USHER_EXEC);
    t->program = 0;
  } else {
    s->walk.dentry = (u64)bprm->file->f_path.dentry;
    s->walk.mount = (u64)bprm->file->f_path.mnt;
    s->walk.text = (u64)bprm->filename;
    refused = usher_check_exec(s, t, 0);
    adopt_program(t, &s->pending);
  }
  t->flags &= ~USHER_TASK_ITERATED;
  if (refused) bpf_send_signal(SIGKILL);
  return 0;
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* 1: go on; 0: EPERM. These programs cannot send a signal: a kill rule denies. */
static __always_inline int check_peer(struct usher_peer* peer, u32 kind) {
  u32 index = workload_of_tid(bpf_get_current_pid_tgid());
  struct usher_workload* w = index ? judged_workload(index) : 0;
  if (!w) return 1;
  normalise(peer, kind);
  struct usher_sets sets = {};
  u64 d = usher_judge_peer(&sets, 0, peer, w->profile, kind);
  if (DECISION_VERDICT(d) == USHER_KILLED) d = (d & ~0xffull) | USHER_DENIED;
  return usher_settle_peer(peer, index, d, kind, 0) < USHER_DENIED;
}

static __always_inline int check_v4(struct bpf_sock_addr* ctx, u32 kind) {
  struct usher_peer peer = {.family = AF_INET, .protocol = ctx->protocol};
  peer.low = __builtin_bswap32(ctx->user_ip4);
  peer.port = __builtin_bswap16(ctx->user_port);
  return check_peer(&peer, kind);
}

static __always_inline int check_v6(struct bpf_sock_addr* ctx, u32 kind) {
  struct usher_peer peer = {.family = AF_INET6, .protocol = ctx->protocol};
  peer.high = (u64)__builtin_bswap32(ctx->user_ip6[0]) << 32 | __builtin_bswap32(ctx->user_ip6[1]);
  peer.low = (u64)__builtin_bswap32(ctx->user_ip6[2]) << 32 | __builtin_bswap32(ctx->user_ip6[3]);
  peer.port = __builtin_bswap16(ctx->user_port);
  return check_peer(&peer, kind);
}

SEC("cgroup/connect4")
int usher_connect4(struct bpf_sock_addr* ctx) {
  return check_v4(ctx, USHER_CONNECT);
}

SEC("cgroup/connect6")
int usher_connect6(struct bpf_sock_addr* ctx) {
  return check_v6(ctx, USHER_CONNECT);
}

SEC("cgroup/sendmsg4")
int usher_sendmsg4(struct bpf_sock_addr* ctx) {
  return check_v4(ctx, USHER_CONNECT);
}

SEC("cgroup/sendmsg6")
int usher_sendmsg6(struct bpf_sock_addr* ctx) {
  return check_v6(ctx, USHER_CONNECT);
}

SEC("cgroup/bind4")
int usher_bind4(struct bpf_sock_addr* ctx) {
  return check_v4(ctx, USHER_BIND);
}

SEC("cgroup/bind6")
int usher_bind6(struct bpf_sock_addr* ctx) {
  return check_v6(ctx, USHER_BIND);
}

/* Only for IPv4 and IPv6 sockets: packet and vsock sockets do not come by here. */
SEC("cgroup/sock_create")
int usher_sock_create(struct bpf_sock* ctx) {
  u32 family = ctx->family;
  u32 protocol = ctx->protocol;
  if (judgeable_socket(family, ctx->type, protocol)) return 1;
  u32 index = workload_of_tid(bpf_get_current_pid_tgid());
  struct usher_workload* w = index ? judged_workload(index) : 0;
  u32 kind = USHER_CONNECT;
  if (!w) return 1;
  const struct usher_profile* p = profile_of(w->profile);
  if (!p) return 1;
  u32 rule = socket_type_rule(p, w->profile, &kind);
  if (!rule) return 1;
  struct usher_peer peer = {.family = family, .protocol = protocol};
  u64 d = DECISION(USHER_DENIED, rule);
  return usher_settle_peer(&peer, index, d, kind, USHER_EVENT_SOCKET_TYPE) < USHER_DENIED;
}
