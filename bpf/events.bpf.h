/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Telling the agent. Every decision but "allowed" is an event of a (workload, rule); of each so
 * many are sent in a window and the others counted. The counts are exact: what was sent plus
 * usher_rate.suppressed is what was decided. A record that finds the ring buffer full counts as
 * suppressed too (and in USHER_COUNT_EVENT_DROPPED).
 */
#ifndef USHER_EVENTS_BPF_H
#define USHER_EVENTS_BPF_H

#include "socket.bpf.h"

#define EVENT_HEADER __builtin_offsetof(struct usher_kernel_event, data)

/* May an event be sent now? If not it has been counted. */
__noinline u32 usher_admit(u32 workload, u32 rule) {
  const struct usher_config* c = node_config();
  struct usher_workload* w = workload_of(workload);
  struct usher_rate_key key = {.workload = workload, .rule = rule};
  if (!c || !w) return 0;
  u64 now = bpf_ktime_get_boot_ns();
  struct usher_rate* r = bpf_map_lookup_elem(&rates, &key);
  if (!r) {
    struct usher_rate fresh = {.window = now, .incarnation = w->incarnation};
    bpf_map_update_elem(&rates, &key, &fresh, BPF_NOEXIST);
    r = bpf_map_lookup_elem(&rates, &key);
    if (!r) {
      count(USHER_COUNT_RATE_TABLE_FULL);
      return 0;
    }
  }
  if (r->incarnation != w->incarnation) {
    /* Left over from another container in this slot: what it held back is not ours to tell. */
    r->incarnation = w->incarnation;
    r->reported = r->suppressed;
    r->count = 0;
  }
  u64 window = r->window;
  if (now - window >= (u64)c->event_window_ms * 1000000 &&
      __sync_val_compare_and_swap(&r->window, window, now) == window)
    r->count = 0;
  if (__sync_fetch_and_add(&r->count, 1) < c->event_burst) return 1;
  __sync_fetch_and_add(&r->suppressed, 1);
  return 0;
}

/* What was held back since the last event of this (workload, rule): told once. */
__noinline u64 usher_claim(u32 workload, u32 rule) {
  struct usher_rate_key key = {.workload = workload, .rule = rule};
  struct usher_rate* r = bpf_map_lookup_elem(&rates, &key);
  if (!r) return 0;
  u64 suppressed = r->suppressed;
  u64 reported = r->reported;
  if (suppressed <= reported) return 0;
  if (__sync_val_compare_and_swap(&r->reported, reported, suppressed) != reported) return 0;
  return suppressed - reported;
}

__noinline int usher_drop(u32 workload, u32 rule) {
  struct usher_rate_key key = {.workload = workload, .rule = rule};
  struct usher_rate* r = bpf_map_lookup_elem(&rates, &key);
  if (r) __sync_fetch_and_add(&r->suppressed, 1);
  count(USHER_COUNT_EVENT_DROPPED);
  return 0;
}

/* All of a record but what the operation itself says. */
static __always_inline void fill_event(struct usher_kernel_event* e, u32 type, u32 workload,
                                       u64 decision, u32 kind, u32 flags) {
  struct task_struct* task = (void*)bpf_get_current_task();
  u64 ids = bpf_get_current_pid_tgid();
  __builtin_memset(e, 0, EVENT_HEADER);
  e->type = type;
  e->size = EVENT_HEADER;
  e->time_ns = bpf_ktime_get_boot_ns();
  e->workload = workload;
  e->kind = kind;
  e->flags = flags;
  e->verdict = DECISION_VERDICT(decision);
  e->rule = DECISION_RULE(decision);
  if (decision & DECISION_BY_REQUEST) e->flags |= USHER_EVENT_BY_REQUEST;
  e->pid = ids >> 32;
  e->tid = ids;
  e->ppid = BPF_CORE_READ(task, real_parent, tgid);
  e->uid = bpf_get_current_uid_gid();
  e->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  bpf_get_current_comm(e->comm, sizeof(e->comm));
  struct usher_workload* w = workload_of(workload);
  if (!w) return;
  e->incarnation = w->incarnation;
  e->profile = w->profile;
  const struct usher_profile* p = profile_of(w->profile);
  if (p) e->generation = p->generation;
}

/* The node in audit mode reports instead of denying. */
static __always_inline u64 soften(u64 decision, u32* flags) {
  const struct usher_config* c = node_config();
  if (!c || !(c->flags & USHER_CONFIG_AUDIT)) return decision;
  if (DECISION_VERDICT(decision) < USHER_DENIED) return decision;
  *flags |= USHER_EVENT_NODE_AUDIT;
  return (decision & ~0xffull) | USHER_WOULD_DENY;
}

/* An event without a path. `peer` may be null. */
__noinline int usher_report_peer(struct usher_peer* peer, u32 workload, u64 decision, u32 kind,
                                 u32 flags) {
  u32 rule = DECISION_RULE(decision);
  if (!usher_admit(workload, rule)) return 0;
  struct usher_kernel_event* e = bpf_ringbuf_reserve(&events, EVENT_HEADER, 0);
  if (!e) return usher_drop(workload, rule);
  fill_event(e, USHER_EVENT_VERDICT, workload, decision, kind, flags);
  e->suppressed = usher_claim(workload, rule);
  if (peer) {
    e->port = peer->port;
    e->family = peer->family;
    e->protocol = peer->protocol;
    u64 high = __builtin_bswap64(peer->high);
    u64 low = __builtin_bswap64(peer->low);
    u32 v4 = __builtin_bswap32(peer->low);
    if (peer->family == AF_INET) {
      __builtin_memcpy(e->address, &v4, 4);
    } else {
      __builtin_memcpy(e->address, &high, 8);
      __builtin_memcpy(e->address + 8, &low, 8);
    }
  }
  bpf_ringbuf_submit(e, 0);
  return 0;
}

static __always_inline void report_armed(u32 workload) {
  struct usher_kernel_event* e = bpf_ringbuf_reserve(&events, EVENT_HEADER, 0);
  if (!e) {
    count(USHER_COUNT_EVENT_DROPPED);
    return;
  }
  fill_event(e, USHER_EVENT_ARMED, workload, 0, 0, 0);
  bpf_ringbuf_submit(e, 0);
}

/* The end of a cgroup: no new task can be armed by it. Who carries the identity keeps it. */
static __always_inline int forget_cgroup(struct cgroup* cgroup) {
  u64 id = BPF_CORE_READ(cgroup, kn, id);
  u32* found = bpf_map_lookup_elem(&enrolled_cgroups, &id);
  /* ids of the other hierarchies are numbers of their own */
  if (!found || BPF_CORE_READ(cgroup, root, hierarchy_id) != 0) return 0;
  u32 workload = *found;
  bpf_map_delete_elem(&enrolled_cgroups, &id);
  struct usher_kernel_event* e = bpf_ringbuf_reserve(&events, EVENT_HEADER, 0);
  if (!e) {
    count(USHER_COUNT_EVENT_DROPPED);
    return 0;
  }
  fill_event(e, USHER_EVENT_CGROUP_GONE, workload, 0, 0, 0);
  e->cgroup = id;
  bpf_ringbuf_submit(e, 0);
  return 0;
}

#endif
