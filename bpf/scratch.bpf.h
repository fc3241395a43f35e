/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The working memory of one check: lives in the task that is being checked. */
#ifndef USHER_SCRATCH_BPF_H
#define USHER_SCRATCH_BPF_H

#include "usher_bpf.h"

enum { USHER_NAME_WORDS = 32 }; /* x 8: the longest component is 255 bytes */

/*
 * A file's name as hashes of its components. A walk finds them leaf first and does not know how
 * many there are, so they lie in a ring: component i (1 = below the root) is at
 * hash[(turn - i) & 63]. Of a deeper name the 64 nearest the root are there.
 */
struct usher_name {
  __u64 hash[USHER_MAX_DEPTH];
  __u64 base;     /* hash of the last component */
  __u64 leaf;     /* kernel address of the last component's bytes */
  __u32 leaf_len; /* and their number */
  __u32 depth;    /* of the name, may be more than are kept */
  __u32 turn;
  __u32 state; /* USHER_NAME_* */
};

enum {
  USHER_NAME_UNKNOWN = 0,
  USHER_NAME_KNOWN = 1,
  USHER_NAME_ANONYMOUS = 2,
  USHER_NAME_INTERNAL = 3, /* a stacking file system's own open of a layer: no one asked for it */
};

/* A step function's view of the scratch: bpf_loop takes a pointer to the stack only. */
struct usher_scratch;
struct usher_step {
  struct usher_scratch* scratch;
  __u32 which; /* of name[] */
};

/* The walker's and the text parser's state between steps. */
struct usher_walk {
  __u64 dentry;
  __u64 mount; /* struct mount; 0: the walk along the superblock */
  __u64 mnt_root;
  __u64 root;  /* where the walk shall end */
  __u64 chain; /* hash of the mounts that were left and of the names above the first of them */
  __u64 text;  /* parser: kernel address of the string */
  __u64 lane_a;
  __u64 lane_b;
  __u64 word;
  __u32 length; /* of the component so far */
  __u32 dots;   /* it consists of that many dots and nothing else */
  __u32 done;
  __u32 hops; /* mounts that were left */
};

/* Rules met so far, one bit each. A struct of its own: cgroup programs keep it on the stack. */
enum {
  USHER_SET_RESOLVED = 0,
  USHER_SET_REQUESTED = 1,
  USHER_SET_EXCEPT = 2, /* while matching; later a temporary */
  USHER_SETS = 3,
};
struct usher_sets {
  __u64 set[USHER_SETS][USHER_VEC_WORDS];
};

struct usher_scratch {
  struct usher_name name[2];     /* by USHER_SET_RESOLVED, USHER_SET_REQUESTED */
  __u64 dentry[USHER_MAX_DEPTH]; /* of name[0], in the same ring: for events */
  struct usher_sets sets;
  struct usher_walk walk;
  struct usher_task pending; /* the program that a running exec will be, if it comes through */
  __u64 words[USHER_NAME_WORDS];
};

#endif
