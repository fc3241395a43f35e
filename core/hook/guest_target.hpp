// The process that becomes the container. To kill it is the only way to stop the container: what a
// guest hook says by its exit status is ignored.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::hook {

class Target {
 public:
  // Holds on to the process. Not process 1, this one or its parent, whatever the state says: the
  // parent is the guest's runtime. An error's code is ESRCH where the process has ended already;
  // one that cannot be held for want of descriptors or memory is killed at once.
  static Result<Target> open(std::int64_t pid);

  // Nothing of the container's program has run when this returns, nor will. An error: it could not
  // be killed, and may run.
  Result<> kill() const;
  int fd() const { return fd_.get(); }

 private:
  explicit Target(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;  // a pidfd: it never means another process
};

}  // namespace usher::hook
