#include "enforce/skeleton.hpp"
#include "tasks.skel.h"

namespace usher::enforce {

std::unique_ptr<Object> open_tasks_object(const bpf_object_open_opts* options) {
  return own_skeleton<tasks_bpf, tasks_bpf__destroy>(tasks_bpf__open_opts(options));
}

}  // namespace usher::enforce
