// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("syscall") int judge(struct usher_query* query) { return 0; }
