/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel's own types, as far as Usher reads them: fields are found by name when an object is
 * loaded (CO-RE), so their order and the missing ones do not matter. Written by hand in place of a
 * generated vmlinux.h: what is read from the kernel can be seen here at one glance.
 */
#ifndef USHER_KERNEL_H
#define USHER_KERNEL_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "usher_bpf.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define EPERM 1
#define EAGAIN 11
#define EEXIST 17

#define SIGKILL 9
#define CAP_SYS_PTRACE 19
#define CAP_SYS_ADMIN 21
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

#define O_TRUNC 01000
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_OPENED_FOR_EXEC 0x20 /* __FMODE_EXEC in f_flags; user space cannot set it */
#define FMODE_NOACCOUNT 0x20000000 /* a stacking file system's own open */
#define SB_NOUSER (1ul << 31)      /* never mounted by anyone: pipes, sockets, memfd */
#define S_IFMT 0170000
#define S_IFDIR 0040000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct user_namespace {
  int level;
};

typedef struct {
  u64 val; /* before 6.3 two u32, in this order */
} kernel_cap_t;

struct cred {
  kernel_cap_t cap_effective;
  struct user_namespace* user_ns;
};

struct pid {
  unsigned int level;
};

struct qstr {
  u32 len;
  const unsigned char* name;
};

struct super_block {
  unsigned long s_flags;
};

struct inode {
  unsigned long i_ino;
  unsigned short i_mode;
  struct super_block* i_sb;
};

struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
  struct inode* d_inode;
  unsigned char d_iname[32];
  struct super_block* d_sb;
};

/* Since 6.14 a short name has this type. */
union shortname_store {
  unsigned char string[40];
};
struct dentry___shortname {
  union shortname_store d_shortname;
};

struct vfsmount {
  struct dentry* mnt_root;
};

struct list_head {
  struct list_head* next;
};

struct mnt_namespace;
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
  struct mnt_namespace* mnt_ns;
  struct list_head mnt_mounts; /* children, linked by their mnt_child */
  struct list_head mnt_child;
};

struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};

struct file {
  unsigned int f_mode;
  unsigned int f_flags;
  struct path f_path;
  struct inode* f_inode;
};

/* A stacking file system's own open of a layer. Since 6.8 its f_path is the layer's, and user_path
 * that of the file which was asked for; before, f_path is the latter. */
struct backing_file {
  struct file file;
  struct path user_path;
};

struct fs_struct {
  struct path root;
  struct path pwd;
};

struct ns_common {
  unsigned int inum;
};

struct mnt_namespace {
  struct ns_common ns;
};

/* What tells a mount namespace from all that there were, its number being given out again. */
struct ns_common___id { /* since 6.18 */
  u64 ns_id;
};

struct mnt_namespace___id {
  struct ns_common___id ns;
};

struct mnt_namespace___seq { /* before */
  u64 seq;
};

struct nsproxy {
  struct mnt_namespace* mnt_ns;
};

struct kernfs_node {
  u64 id;
  const char* name;
};

struct cgroup_root {
  int hierarchy_id;
};

struct cgroup {
  int level;
  struct kernfs_node* kn;
  struct cgroup_root* root;
  struct cgroup* ancestors[];
};

struct css_set {
  struct cgroup* dfl_cgrp;
};

struct bpf_local_storage;

struct task_struct {
  int pid;
  int tgid;
  struct task_struct* real_parent;
  struct fs_struct* fs;
  struct nsproxy* nsproxy;
  struct css_set* cgroups;
  struct bpf_local_storage* bpf_storage;
  const struct cred* cred;
  struct pid* thread_pid;
};

struct linux_binprm {
  struct file* file;
  const char* filename;
  const char* interp;
};

struct in6_addr {
  u8 in6_u[16];
};

struct sock_common {
  u32 skc_rcv_saddr; /* as on the wire */
  u16 skc_num;       /* the port that it is bound to */
  unsigned short skc_family;
  struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
  u16 sk_type;
  u16 sk_protocol;
};

struct socket {
  struct sock* sk;
};

struct msghdr {
  void* msg_name;
  int msg_namelen;
};

struct pt_regs {
  unsigned long si;
  unsigned long dx;
  unsigned long orig_ax;
  unsigned long cs;
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

#pragma clang attribute pop

struct sockaddr;

/* Tells the verifier, in a place where the compiler cannot move it, that value < limit. */
#define BOUND(value, limit) \
  asm volatile("if %[v] < %[room] goto +1\n%[v] = 0" : [v] "+r"(value) : [room] "i"(limit))

/* The same with a mask: for the sizes that helpers are given, where 6.1 sees only this. */
#define MASK(value, bits) asm volatile("%[v] &= %[m]" : [v] "+r"(value) : [m] "i"(bits))

#endif
