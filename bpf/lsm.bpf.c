// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define STUB(name) \
  SEC("lsm/" #name) int usher_##name(void* ctx) { return 0; }
STUB(bprm_check_security)
STUB(task_alloc)
STUB(file_open)
STUB(path_truncate)
STUB(path_unlink)
STUB(path_rmdir)
STUB(path_mkdir)
STUB(path_mknod)
STUB(path_symlink)
STUB(path_link)
STUB(path_rename)
STUB(path_chmod)
STUB(path_chown)
STUB(socket_create)
STUB(socket_connect)
STUB(socket_sendmsg)
STUB(socket_bind)
SEC("lsm/bprm_committed_creds") int usher_bprm_committed_creds(void* ctx) { return 0; }
SEC("tp_btf/cgroup_rmdir") int usher_cgroup_rmdir(void* ctx) { return 0; }
