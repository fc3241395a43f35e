#include "enforce/skeleton.hpp"
#include "lsm.skel.h"

namespace usher::enforce {

std::unique_ptr<Object> open_lsm_object(const bpf_object_open_opts* options) {
  return own_skeleton<lsm_bpf, lsm_bpf__destroy>(lsm_bpf__open_opts(options));
}

}  // namespace usher::enforce
