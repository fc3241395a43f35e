#include "hook/input.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace usher::hook {
namespace {

// Holds the state of all but the largest pods in one read.
constexpr std::size_t kChunk = 16U << 10;

// False: the deadline passed.
bool readable_in_time(int fd, const Deadline& deadline) {
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, deadline.remaining_ms());
    if (ready != 0 && !(ready < 0 && errno == EINTR)) {
      return true;  // also what poll cannot tell: read(2) says it better
    }
    if (ready == 0) {
      return false;
    }
  }
}

}  // namespace

Result<> read_state_bytes(int fd, const Deadline& deadline, std::string& state) {
  state.clear();
  std::size_t total = 0;
  for (;;) {
    if (!readable_in_time(fd, deadline)) {
      return fail("the container's state on standard input did not end within " +
                  std::to_string(deadline.allowed().count()) +
                  " ms; the runtime must close it after writing");
    }
    // Beyond the limit the buffer is only a place to drain into.
    const std::size_t kept = std::min(total, kMaxState);
    ssize_t n = 0;
    state.resize_and_overwrite(kept + kChunk, [&](char* data, std::size_t) {
      n = ::read(fd, data + kept, kChunk);
      return kept + static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    });
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
      continue;
    }
    if (n < 0) {
      return fail_system("cannot read the container's state from standard input", errno,
                         "the runtime must give it");
    }
    if (n == 0) {
      break;
    }
    total += static_cast<std::size_t>(n);
  }
  if (total > kMaxState) {
    state.resize(kMaxState);
    return fail("the container's state is longer than " + std::to_string(kMaxState) +
                " bytes; remove annotations from the pod");
  }
  return {};
}

Result<std::string> read_state_bytes(int fd, const Deadline& deadline) {
  std::string state;
  if (auto done = read_state_bytes(fd, deadline, state); !done) {
    return std::unexpected(std::move(done).error());
  }
  return state;
}

}  // namespace usher::hook
