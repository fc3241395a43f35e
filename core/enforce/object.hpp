// The compiled kernel programs, one C++ file for each object: a skeleton is included in one place.
#pragma once

#include <memory>

struct bpf_object;
struct bpf_object_open_opts;

namespace usher::enforce {

class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
  virtual bpf_object* get() const = 0;
};

// Opened, not loaded. Null with errno set when libbpf cannot parse the object.
using OpenObject = std::unique_ptr<Object> (*)(const bpf_object_open_opts* options);

std::unique_ptr<Object> open_lsm_object(const bpf_object_open_opts* options);
std::unique_ptr<Object> open_tracepoint_object(const bpf_object_open_opts* options);
std::unique_ptr<Object> open_tasks_object(const bpf_object_open_opts* options);

}  // namespace usher::enforce
