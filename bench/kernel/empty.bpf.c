/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Programs that do nothing, on the hooks that an open meets: the floor that `make bench` compares
 * with. */
#include <linux/bpf.h>
/* after the types that they use */
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct file;
char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("lsm/file_open")
int BPF_PROG(empty_file_open, struct file* file) {
  return 0;
}
