// The programs that walk all tasks: they run when they are read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/object.hpp"

struct bpf_link;

namespace usher::enforce {

// On the owner's thread. A pass over 1,000 tasks takes about a millisecond.
class TaskIterators {
 public:
  // `object`: the loaded "tasks" object.
  static Result<TaskIterators> open(const Object& object);

  // The root dentries of the host, each once.
  Result<std::vector<std::uint64_t>> host_roots() const;
  // One pass; how many tasks were tagged that had no identity.
  Result<std::uint32_t> tag_running() const;
  // The same for one process (its pid as the agent sees it): its threads alone are looked at.
  Result<std::uint32_t> tag_process(int pid) const;
  // One pass; every thread that carries a workload.
  Result<std::vector<Handle>> holders() const;

 private:
  struct Destroy {
    void operator()(bpf_link* link) const;
  };
  using Link = std::unique_ptr<bpf_link, Destroy>;

  TaskIterators() = default;
  static Result<Link> attach(const Object& object, const char* program);
  template <class Record>
  static Result<std::vector<Record>> read(int link, const char* what);

  Link tag_tasks_;
  Link list_holders_;
  Link read_roots_;
  Fd tag_program_;
};

}  // namespace usher::enforce
