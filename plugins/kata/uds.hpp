// A listening unix socket that this relay made, and takes away again.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::kata {

// [main]
class Uds {
 public:
  // Makes `name` in the opened directory, for `owner` alone (mode 0600), and listens. Whatever the
  // length of the path: it is bound through the descriptor. What an earlier agent left, a socket of
  // root's, `trusted`'s or the owner's on which nobody listens, is replaced. Errors: EADDRINUSE
  // where something else is there; it stays as it is.
  static Result<Uds> make(int directory, const std::string& name, uid_t owner, uid_t trusted);

  Uds(Uds&&) noexcept = default;
  Uds& operator=(Uds&&) noexcept = default;

  int fd() const { return fd_.get(); }
  // Ours is what has that name in the directory.
  bool is_in(int directory) const;
  // Removes it, where it is still ours.
  void remove_from(int directory) const;

 private:
  Uds(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Fd fd_;
  std::string name_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace usher::kata
