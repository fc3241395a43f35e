// libbpf's LIBBPF_OPTS without the C extensions that it needs.
#pragma once

#include <cstring>

namespace usher::enforce {

// A zeroed options struct that says its size, padding included, as libbpf demands.
template <class Options>
Options libbpf_options() {
  Options options;
  std::memset(&options, 0, sizeof options);
  options.sz = sizeof options;
  return options;
}

}  // namespace usher::enforce
