// A program with mounts and a network of its own: what it mounts and where it listens is seen by
// nobody else, and is gone with it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::install {

// One thread's. Its network has a loopback and nothing else.
class Apart {
 public:
  // The program sees the file `here` at the path `over`; both are there, as they lie here.
  struct View {
    std::string here;
    std::string over;
  };

  // arguments[0] is the program's path, `environment` all that it gets; its input is empty, both
  // its outputs go to `out` and `err`. It dies with the thread that started it. Errors: no rights
  // for namespaces (CAP_SYS_ADMIN), a program that cannot be run.
  static Result<Apart> start(std::vector<std::string> arguments,
                             std::vector<std::string> environment, int out, int err,
                             const std::vector<View>& views);
  Apart(Apart&& other) noexcept;
  Apart& operator=(Apart&&) = delete;
  ~Apart();  // kills it and its process group, and waits for its end

  // The exit code once it has ended, 128 and the signal's number where a signal ended it; waits for
  // that at most `time`, and less where a signal comes.
  std::optional<int> ended(std::chrono::milliseconds time);

 private:
  Apart(pid_t pid, Fd process) : pid_(pid), process_(std::move(process)) {}

  pid_t pid_;  // 0: it was waited for
  Fd process_;
  int status_ = 0;
};

}  // namespace usher::install
