/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The maps. Every object carries all of them under the same names, so that a loader makes or finds
 * them once and lends them to each. Who writes what: docs/architecture.md.
 */
#ifndef USHER_MAPS_BPF_H
#define USHER_MAPS_BPF_H

#include "kernel.h"
#include "scratch.bpf.h"
#include "usher_tids.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, u32);
  __type(value, struct usher_config);
} config SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, u32);
  __type(value, struct usher_unenrolled);
} unenrolled SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, USHER_MAX_WORKLOADS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, u32);
  __type(value, struct usher_workload);
} workloads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, USHER_MAX_PROFILES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, u32);
  __type(value, struct usher_profile);
} profiles SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, USHER_ARENA_CELLS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, u32);
  __type(value, union usher_cell);
} arena SEC(".maps");

/* FROZEN: an upgrade of the agent takes it over as it is. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct usher_task);
} tasks SEC(".maps");

/* Disposable: working memory of the checks. In the task and not on the CPU, since a preempted check
 * would find another's names in a CPU's buffer. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct usher_scratch);
} scratch SEC(".maps");

/* Preallocated, as all hashes here: an enrolment or a denial must not depend on free memory. Room
 * for twice the workloads: the entry of a workload that is ending may outlive its slot. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 2 * USHER_MAX_WORKLOADS);
  __type(key, u64);
  __type(value, u32);
} enrolled_cgroups SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 2 * USHER_MAX_WORKLOADS);
  __type(key, u32);
  __type(value, u32);
} enrolled_mntns SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, USHER_MAX_MOUNTS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, u32);
  __type(value, struct usher_mounts);
} mounts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, struct usher_rate_key);
  __type(value, struct usher_rate);
} rates SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, USHER_COUNTERS);
  __type(key, u32);
  __type(value, u64);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} events SEC(".maps");

/* Thread id (host's) -> workload. For programs that cannot read task storage (cgroup programs
 * before 6.18), and for a child whose storage could not be had. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TIDS_ROOM);
  __type(key, u32);
  __type(value, u32);
} tids SEC(".maps");

/* How many entries tids has. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, u64);
} tid_count SEC(".maps");

static __always_inline const struct usher_config* node_config(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&config, &zero);
}

static __always_inline const struct usher_unenrolled* unenrolled_rules(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&unenrolled, &zero);
}

static __always_inline struct usher_workload* workload_of(u32 index) {
  return bpf_map_lookup_elem(&workloads, &index);
}

static __always_inline const struct usher_profile* profile_of(u32 index) {
  return bpf_map_lookup_elem(&profiles, &index);
}

/* The mounts that a workload began with; null: they are not kept. */
static __always_inline struct usher_mounts* mounts_of(const struct usher_workload* w) {
  u32 index = w->mounts;
  return index ? bpf_map_lookup_elem(&mounts, &index) : 0;
}

static __always_inline const union usher_cell* cell_of(u32 index) {
  return bpf_map_lookup_elem(&arena, &index);
}

static __always_inline void count(u32 what) {
  u64* n = bpf_map_lookup_elem(&counters, &what);
  if (n) *n += 1;
}

static __always_inline u64* tids_in_use(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&tid_count, &zero);
}

static __always_inline bool remember_tid(u32 tid, u32 index) {
  u64* n = tids_in_use();
  if (!bpf_map_update_elem(&tids, &tid, &index, BPF_NOEXIST)) {
    if (n) __sync_fetch_and_add(n, 1);
    return true;
  }
  if (!bpf_map_update_elem(&tids, &tid, &index, BPF_EXIST)) return true;
  count(USHER_COUNT_STORAGE_FAILED);
  return false;
}

static __always_inline void forget_tid(u32 tid) {
  u64* n = tids_in_use();
  if (!bpf_map_delete_elem(&tids, &tid) && n) __sync_fetch_and_add(n, -1);
}

#endif
