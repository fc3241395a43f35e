// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task") int tag_tasks(struct bpf_iter__task* ctx) { return 0; }
SEC("iter/task") int list_holders(struct bpf_iter__task* ctx) { return 0; }
SEC("iter/task") int read_roots(struct bpf_iter__task* ctx) { return 0; }
