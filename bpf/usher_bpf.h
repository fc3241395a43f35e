/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The layouts that the kernel programs and the agent share. Included by both sides: plain C types,
 * no pointers, every struct's size asserted at the end.
 *
 * FROZEN: usher_task, usher_enrolment keys. They outlive an upgrade of the agent; their layout may
 * never change. Everything else lives under a bpffs directory that carries USHER_LAYOUT in its name
 * and may change with it.
 *
 * How a check reads these: task -> usher_task.workload -> workloads[w].profile -> profiles[p] ->
 * kind[k] -> cells of the arena. Each arrow is one load; the agent switches a workload by one store
 * to workloads[w].profile and reuses a profile's cells only after a grace period.
 */
#ifndef USHER_BPF_H
#define USHER_BPF_H

#ifdef __bpf__
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
#else
#include <linux/types.h>
#endif

#define USHER_LAYOUT 1

/* Operations that a rule can speak of: the index into usher_profile.kind. */
enum {
  USHER_EXEC = 0,
  USHER_READ = 1,
  USHER_WRITE = 2,
  USHER_CONNECT = 3,
  USHER_BIND = 4,
  USHER_KINDS = 5,
};

enum {
  USHER_MAX_WORKLOADS = 8192,
  USHER_MAX_PROFILES = 4096,
  USHER_ARENA_CELLS = 196608, /* x 64 bytes = 12 MiB */
  USHER_MAX_RULES = 512,      /* of one kind in one profile */
  USHER_VEC_WORDS = USHER_MAX_RULES / 64,
  USHER_MAX_GROUPS = 16,    /* default-deny groups of one kind, enforced and audited together */
  USHER_MAX_DEPTH = 64,     /* components kept, those nearest the root */
  USHER_WALK_MAX = 4096,    /* dentries + mount hops that a walk takes before the file is unknown */
  USHER_PROGRAM_DEPTH = 12, /* directories of the program kept for `from` */
  USHER_HOST_ROOTS = 8,
  USHER_PATH_MAX = 1024, /* of an event; longer paths are cut in the middle: flag */
  USHER_ARGS_MAX = 512,
  USHER_EXEMPT_PROGRAMS = 8,
  USHER_POD_ROOTS = 8,
};

/* ---- identity ------------------------------------------------------------------------------ */

/* usher_task.flags */
#define USHER_TASK_ITERATED (1u << 0) /* tagged by the iterator, not at exec: program unknown */

/* FROZEN. Task storage of a task that belongs to a workload. A fork hands a copy to the child. */
struct usher_task {
  __u32 workload; /* index into workloads, never 0 */
  __u32 flags;
  __u64 program;       /* fold of the whole path of the program last exec'ed; 0 = unknown */
  __u64 program_base;  /* usher_hash of its last component */
  __u32 program_depth; /* its number of components */
  __u32 reserved0;
  __u64 program_dir[USHER_PROGRAM_DEPTH]; /* [i] = fold after component i (0 = the first) */
  __u64 reserved[6];
};

/* FROZEN keys: enrolled_cgroups: u64 cgroup id -> u32 workload; enrolled_mntns: u32 mount
 * namespace inode -> u32 workload. */

/* usher_workload.flags */
#define USHER_WORKLOAD_LIVE (1u << 0)
#define USHER_WORKLOAD_RELEASED (1u << 1)  /* an operator let it go: nothing is judged */
#define USHER_WORKLOAD_HOST_ROOT (1u << 2) /* lives in the host's root: named from there */
/* No container: that of all exempt programs in pods that nobody enrolled. */
#define USHER_WORKLOAD_BUILT_IN (1u << 3)
/* A gate let it start, and nobody has exec'ed in its root yet: whoever is there is its runtime,
 * still setting up. The first exec takes it away, and the agent when it hears that the container
 * runs. */
#define USHER_WORKLOAD_AWAITED (1u << 4)

struct usher_workload {
  __u32 profile; /* index into profiles; 0 = no rules. One atomic store switches it */
  __u32 flags;
  __u64 root_dentry; /* written by the kernel at the first arming, cleared by the agent on reuse */
  __u64 root_sb;
  __u64 cgroup;
  __u32 mntns;
  __u32 incarnation; /* counts uses of this slot */
  __u32 mounts;      /* index into mounts; 0: none was free, files off root_sb are unknown */
  __u32 reserved0;
  __u64 mntns_id; /* of the namespace with the number `mntns`; written by the kernel at an arming by
                     cgroup. 0: not yet, or this kernel does not tell */
  __u64 reserved[9];
};

/* ---- mounts that a container began with ------------------------------------------------------ */

enum {
  USHER_MAX_MOUNTS = 2048,  /* workloads at a time whose mounts are kept */
  USHER_MOUNT_CHAINS = 128, /* mounts kept; files of those beyond are unknown */
  USHER_MOUNT_SUPERS = 48,  /* superblocks kept; with more of them every one counts as known */
  USHER_MOUNT_ROOTS = 96, /* root dentries kept; with more of them every file counts as below one */
};

/* usher_mounts.state */
enum { USHER_MOUNTS_NONE = 0, USHER_MOUNTS_TAKING = 1, USHER_MOUNTS_TAKEN = 2 };

/* Cleared by the agent at enrolment, written by the kernel when the workload is armed, by one task.
 * A file off the root's superblock has a name if the chain of mounts that leads to it is in
 * `chain`, or its superblock is none of `super`: that came later. */
struct usher_mounts {
  __u32 state;
  __u32 chains;
  __u32 supers; /* more than USHER_MOUNT_SUPERS: the list is not complete */
  __u32 roots;  /* more than USHER_MOUNT_ROOTS: likewise */
  __u64 super[USHER_MOUNT_SUPERS];
  __u64 root[USHER_MOUNT_ROOTS];
  __u64 chain[USHER_MOUNT_CHAINS]; /* see walk_step in path.bpf.h */
};

/* ---- keyed hashing ------------------------------------------------------------------------- */

/* Secret, chosen once a boot, kept in the pinned config map. mul* are odd. See usher_hash.h. */
struct usher_key {
  __u64 seed;
  __u64 mul1;
  __u64 mul2;
  __u64 mul3;
};

/* ---- profiles ------------------------------------------------------------------------------ */

/*
 * A rule vector has one bit for each rule of its kind in its profile. A node of a path tree names
 * up to four vectors by their index in the profile's table of vectors (0 = the empty vector):
 */
enum {
  USHER_VEC_EXACT = 0,        /* rules that name exactly this path / address block / port / ... */
  USHER_VEC_TREE = 1,         /* rules that name this directory with all in it */
  USHER_VEC_EXACT_EXCEPT = 2, /* rules whose `except` names exactly this */
  USHER_VEC_TREE_EXCEPT = 3,
};

struct usher_node {
  __u64 key; /* 0 = free. See usher_hash.h for what is hashed */
  __u16 vec[4];
};

struct usher_bucket {
  struct usher_node node[4];
};

struct usher_vec {
  __u64 word[USHER_VEC_WORDS];
};

/* The arena: one memory-mapped array of cells. */
union usher_cell {
  struct usher_bucket bucket;
  struct usher_vec vec;
  __u32 rule_id[16];
};

/* A default-deny group: an allow out of `allow` is needed, else the check is denied (or would be)
 * by `rule`. */
struct usher_group {
  __u16 allow; /* vector */
  __u16 reserved;
  __u32 rule; /* global rule id of the default that denies */
};

/* usher_kind.flags */
#define USHER_KIND_RULED (1u << 0)      /* anything at all is said of this kind */
#define USHER_KIND_DENIES (1u << 1)     /* an enforced deny, kill or default deny exists */
#define USHER_KIND_BASE (1u << 2)       /* base-name nodes exist */
#define USHER_KIND_PREFIX (1u << 3)     /* prefix nodes exist */
#define USHER_KIND_FROM (1u << 4)       /* some rule has `from` */
#define USHER_KIND_ANON_ALLOW (1u << 5) /* exec: anonymous programs (memfd) are allowed */
#define USHER_KIND_PLAIN_ROOT (1u << 6) /* nothing is said of "/" itself, nor of all below it */

struct usher_kind {
  __u32 flags;
  __u16 rules;    /* bits in use in a vector */
  __u16 words;    /* 64-bit words in use, 0..8 */
  __u32 rule_ids; /* arena cell: 16 global rule ids a cell, one for each bit */
  /* Masks over this kind's rules, as vectors. Enforced: kill, deny. would: kill and deny rules of
   * audit-mode policies. audit: rules whose action is audit. from: rules that have `from`. */
  __u16 vec_kill;
  __u16 vec_deny;
  __u16 vec_would;
  __u16 vec_audit;
  __u16 vec_from;
  __u8 groups;       /* enforced default-deny groups: group[0 .. groups) */
  __u8 would_groups; /* audited ones: group[groups .. groups + would_groups) */
  struct usher_group group[USHER_MAX_GROUPS];
  /* Sockets: rules that leave a dimension open hold for every value of it. */
  __u16 vec_any_address;
  __u16 vec_any_port;
  __u16 vec_any_protocol;
  __u16 reserved0;
  __u32 lengths_port; /* bit n: a port block of n leading bits exists, n = 0..16 */
  __u32 reserved1;
  __u64 lengths_v4;    /* bit n: an IPv4 block /n exists, n = 0..32 */
  __u64 lengths_v6[3]; /* bit n: an IPv6 block /n exists, n = 0..128 */
};

/* usher_profile.merged: top-level directories that are links to /usr/<same> in the image. Rules
 * are compiled under /usr there; requested names are read so. */
enum {
  USHER_MERGED_BIN = 1u << 0,
  USHER_MERGED_SBIN = 1u << 1,
  USHER_MERGED_LIB = 1u << 2,
  USHER_MERGED_LIB32 = 1u << 3,
  USHER_MERGED_LIB64 = 1u << 4,
  USHER_MERGED_LIBX32 = 1u << 5,
};

struct usher_profile {
  __u32 table;   /* arena cell of the first bucket */
  __u32 mask;    /* number of buckets - 1, a power of two - 1 */
  __u64 salt;    /* bucket of a key = usher_bucket_of(key, salt, mask) */
  __u32 vectors; /* arena cell of vector 0, which is all zero */
  __u32 nvectors;
  __u32 merged;
  __u32 generation;
  __u64 reserved[2];
  struct usher_kind kind[USHER_KINDS];
};

/* ---- node-wide configuration --------------------------------------------------------------- */

#define USHER_CONFIG_AUDIT (1u << 0) /* `usherctl mode audit`: all is reported, nothing denied */
#define USHER_CONFIG_TIDS (1u << 1)  /* the tracepoint backend: the table of thread ids is kept */

enum { USHER_UNENROLLED_ALLOW = 0, USHER_UNENROLLED_AUDIT = 1, USHER_UNENROLLED_DENY = 2 };

struct usher_config {
  struct usher_key key;
  __u64 host_root[USHER_HOST_ROOTS]; /* root dentries of the host, 0 = free */
  __u32 flags;
  __u32 unenrolled;
  __u64 reserved0;
  __u32 event_burst; /* events of one (workload, rule) let through in a window */
  __u32 event_window_ms;
  __u64 merged_hash[6]; /* usher_hash of bin, sbin, lib, lib32, lib64, libx32 */
  __u64 usr_hash;
  __u64 reserved[8];
};

/* What usher_config.unenrolled is about: execs in a root that is none of the host's, in a cgroup at
 * or below one of these names, by tasks that nobody enrolled. Kept by names and not by ids, so that
 * it holds for cgroups that are made while no agent runs. */
struct usher_unenrolled {
  __u64 program[USHER_EXEMPT_PROGRAMS]; /* usher_task.program of each; 0 = free */
  __u64 root[USHER_POD_ROOTS];          /* usher_hash of a cgroup's own name; 0 = free */
  __u64 agent_cgroup;                   /* the agent's own pod: left alone; 0 = it is in none */
  __u32 workload;                       /* whom an exempt program is given to; 0: none is exempt */
  __u32 reserved0;
  __u64 agent_program; /* usher_task.program of the agent in a new pod of its own: left alone where
                          it was given the node; 0 = the agent is in no pod */
  __u64 reserved[5];
};

/* Counters, one map of u64 per CPU. */
enum {
  USHER_COUNT_EVENT_DROPPED = 0,   /* the ring buffer was full */
  USHER_COUNT_RATE_TABLE_FULL = 1, /* a (workload, rule) could not be limited: its event dropped */
  USHER_COUNT_STORAGE_FAILED = 2,  /* forks refused (lsm): no storage for the identity */
  USHER_COUNT_UNKNOWN = 3,         /* files that could not be named */
  USHER_COUNT_ARMED = 4,
  USHER_COUNT_DISAGREED = 5,  /* execs refused: cgroup and mount namespace disagree */
  USHER_COUNT_UNENROLLED = 6, /* execs in pods that nobody enrolled, audited or denied */
  USHER_COUNT_EXEMPT = 7,     /* exempt programs that began in such pods */
  USHER_COUNTERS = 8,
};

/* ---- events -------------------------------------------------------------------------------- */

enum { USHER_EVENT_VERDICT = 1, USHER_EVENT_CGROUP_GONE = 2, USHER_EVENT_ARMED = 3 };

enum {
  USHER_ALLOWED = 0,
  USHER_AUDITED = 1,    /* a rule with action audit matched, the operation went on */
  USHER_WOULD_DENY = 2, /* an audit-mode policy, or the node in audit mode */
  USHER_DENIED = 3,
  USHER_KILLED = 4,
};

/* usher_kernel_event.flags */
#define USHER_EVENT_UNKNOWN_FILE (1u << 0)
#define USHER_EVENT_PATH_CUT (1u << 1)
#define USHER_EVENT_ANONYMOUS (1u << 2)   /* memfd and the like */
#define USHER_EVENT_BY_REQUEST (1u << 3)  /* decided by the requested name, which `path` then is */
#define USHER_EVENT_SOCKET_TYPE (1u << 4) /* a socket type that cannot be judged */
#define USHER_EVENT_ARGS_CUT (1u << 5)
#define USHER_EVENT_NODE_AUDIT (1u << 6) /* would have been denied, were the node not in audit */

/* Rule ids below this are built in; the agent gives its own from here on. */
enum {
  USHER_RULE_NONE = 0,
  USHER_RULE_DISAGREE = 1,    /* cgroup and mount namespace belong to different workloads */
  USHER_RULE_SOCKET_TYPE = 2, /* fallback where no connect/bind rule can be named */
  USHER_RULE_OUR_MAPS = 3,    /* a workload reached for the maps of its own enforcement */
  USHER_RULE_TRACE = 4,       /* a workload reached for the memory of a task that no rule holds */
  USHER_RULE_UNENROLLED = 5,  /* workload 0: a pod that nobody enrolled. The names of its cgroups,
                                 from the one that holds all pods on, are told as arguments */
  USHER_RULE_FIRST = 16,
};

/* One record in the ring buffer. path and args follow as NUL-free bytes: path_len, then args_len,
 * in `data`, args separated by NUL. */
struct usher_kernel_event {
  __u32 type;
  __u32 size;    /* of this record, data included */
  __u64 time_ns; /* CLOCK_BOOTTIME */
  __u32 workload;
  __u32 incarnation;
  __u32 profile;
  __u32 generation;
  __u32 rule; /* global rule id */
  __u8 kind;
  __u8 verdict;
  __u8 protocol; /* IPPROTO_*, sockets */
  __u8 family;   /* AF_*, after normalisation */
  __u32 flags;
  __u32 pid; /* tgid, in the host's pid namespace */
  __u32 tid;
  __u32 ppid;
  __u32 uid;  /* in the host's user namespace */
  __u16 port; /* host order */
  __u16 path_len;
  __u16 args_len;
  __u16 reserved0;
  __u64 suppressed; /* events of this (workload, rule) held back since the last one that was sent */
  __u64 cgroup;     /* CGROUP_GONE: its id; VERDICT: of the task */
  __u8 address[16]; /* network order; IPv4 in the first four */
  char comm[16];
  char data[USHER_PATH_MAX + USHER_ARGS_MAX];
};

/* Rate limit table: hash {workload, rule} -> state. suppressed only grows. */
struct usher_rate_key {
  __u32 workload;
  __u32 rule;
};
struct usher_rate {
  __u64 window; /* start, ns */
  __u32 count;
  __u32 incarnation;
  __u64 suppressed; /* all time */
  __u64 reported;   /* part of suppressed that events have told */
};

/* ---- what the task iterators write ----------------------------------------------------------- */

/* tag_tasks: one for each task newly tagged; list_holders: one for each that carries a workload.
 * pid is the thread's, in the host's pid namespace. */
struct usher_holder {
  __u32 pid;
  __u32 workload;
};

/* read_roots: the root dentries of pid 1 and pid 2. */
struct usher_root_of {
  __u64 dentry;
  __u32 pid;
  __u32 reserved;
};

/* ---- the verdict as a function (SYSCALL program, tests) ------------------------------------- */

struct usher_query {
  __u32 workload;
  __u8 kind;
  __u8 protocol;
  __u8 family;
  __u8 anonymous;
  __u32 unknown; /* the file cannot be named */
  __u16 port;
  __u16 path_len;      /* of path, absolute, normalised, resolved name */
  __u16 requested_len; /* exec: 0 = same as path */
  __u16 program_len;   /* the program that acts, for `from` */
  __u8 address[16];
  char path[1024];
  char requested[1024];
  char program[1024];
  /* answer */
  __u32 verdict; /* USHER_ALLOWED ... */
  __u32 rule;
};

#ifdef __cplusplus
#define USHER_STATIC_ASSERT static_assert
#else
#define USHER_STATIC_ASSERT _Static_assert
#endif
USHER_STATIC_ASSERT(sizeof(struct usher_task) == 32 + 8 * USHER_PROGRAM_DEPTH + 48, "frozen");
USHER_STATIC_ASSERT(sizeof(struct usher_workload) == 128, "layout");
USHER_STATIC_ASSERT(sizeof(struct usher_mounts) == 2192, "layout");
USHER_STATIC_ASSERT(sizeof(struct usher_unenrolled) == 192, "layout");
USHER_STATIC_ASSERT(sizeof(union usher_cell) == 64, "layout");
USHER_STATIC_ASSERT(sizeof(struct usher_kind) == 24 + 8 * USHER_MAX_GROUPS + 48, "layout");

#endif
