// A listening unix socket that only one agent can own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::api {

// Holds, in this order: the lock file PATH.lock (flock; the kernel drops it when the agent dies,
// however it dies), the listening socket at PATH, mode 0600 from its first moment. Destroying it
// removes the socket, if it is still the one that was bound, and then lets the lock go.
class Listener {
 public:
  // A socket that a dead agent left is taken over once the lock is held. Errors: another agent
  // holds the lock (its pid is named), something that is no socket is in the way, another program
  // listens there.
  static Result<Listener> open(const std::filesystem::path& path);

  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  // Somebody has removed the socket's name, or put another in its place: nobody can connect.
  bool is_lost() const;
  // Makes the name anew where nobody else has it, directory and lock file as well: get() is another
  // then, and what waited for the old one is gone. Errors as of open(); the old one stays then.
  Result<> renew();

  int get() const { return socket_.get(); }
  const std::filesystem::path& path() const { return path_; }
  // The next connection, non-blocking and close-on-exec. EAGAIN: none is waiting.
  Result<Fd> accept() const;

 private:
  explicit Listener(std::filesystem::path path) : path_(std::move(path)) {}
  Result<> hold_lock();

  std::filesystem::path path_;
  Fd lock_;
  Fd socket_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace usher::api
