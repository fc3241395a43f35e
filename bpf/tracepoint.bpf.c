// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/task_newtask") int usher_task_newtask(void* ctx) { return 0; }
SEC("tp_btf/sched_process_exec") int usher_process_exec(void* ctx) { return 0; }
SEC("tp_btf/sched_process_exit") int usher_process_exit(void* ctx) { return 0; }
SEC("tp_btf/cgroup_rmdir") int usher_cgroup_rmdir(void* ctx) { return 0; }
SEC("cgroup/connect4") int usher_connect4(struct bpf_sock_addr* ctx) { return 1; }
SEC("cgroup/connect6") int usher_connect6(struct bpf_sock_addr* ctx) { return 1; }
SEC("cgroup/sendmsg4") int usher_sendmsg4(struct bpf_sock_addr* ctx) { return 1; }
SEC("cgroup/sendmsg6") int usher_sendmsg6(struct bpf_sock_addr* ctx) { return 1; }
SEC("cgroup/bind4") int usher_bind4(struct bpf_sock_addr* ctx) { return 1; }
SEC("cgroup/bind6") int usher_bind6(struct bpf_sock_addr* ctx) { return 1; }
SEC("cgroup/sock_create") int usher_sock_create(struct bpf_sock* ctx) { return 1; }
