#include "enforce/skeleton.hpp"
#include "tracepoint.skel.h"

namespace usher::enforce {

std::unique_ptr<Object> open_tracepoint_object(const bpf_object_open_opts* options) {
  return own_skeleton<tracepoint_bpf, tracepoint_bpf__destroy>(tracepoint_bpf__open_opts(options));
}

}  // namespace usher::enforce
