// What waits to be written to a socket on the agent's loop.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "base/error.hpp"
#include "cri/loop.hpp"

namespace usher::cri {

// [main] Messages in their order, each whole. It neither owns the socket nor bounds itself: who
// adds asks how much waits.
class Unsent {
 public:
  explicit Unsent(Loop loop) : loop_(loop) {}

  void add(std::string message);
  std::size_t messages() const { return messages_.size(); }
  std::size_t bytes() const { return bytes_; }
  // Writes what the socket `fd` takes now. Where that is not all, `room` is called from the loop
  // when it takes more: call this again then. Errors: the connection's.
  Result<> flush(int fd, std::function<void()> room);
  // Forgets all of it; `room` is not called any more.
  void clear();

 private:
  Loop loop_;
  std::deque<std::string> messages_;
  std::size_t sent_ = 0;   // of the first
  std::size_t bytes_ = 0;  // that were not sent, of all
  Registration writable_;
};

}  // namespace usher::cri
