#include "api/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "base/lock_file.hpp"

namespace usher::api {
namespace {

constexpr int kBacklog = 512;  // a burst of 200 starts waits here instead of being refused

std::optional<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.empty() || name.size() >= sizeof(address.sun_path)) {
    return std::nullopt;
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  return address;
}

// For bind and connect: the one cast that the socket interface asks for.
const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Removes what a dead agent left. Called with the lock held.
Result<> clear_path(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? Result<>{} : fail_system("cannot look at " + path.native());
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(path.native() + " is in the way and is not a socket: move it away");
  }
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) {
    return fail_system("cannot make a socket");
  }
  if (::connect(probe.get(), generic(address), sizeof(address)) == 0 || errno == EAGAIN) {
    return fail("another program listens on " + path.native() +
                " without holding its lock file: stop it, or give the agent another socket");
  }
  if (::unlink(path.c_str()) != 0) {
    return fail_system("cannot remove the stale socket " + path.native());
  }
  return {};
}

}  // namespace

Result<Listener> Listener::open(const std::filesystem::path& path) {
  Listener out(path);
  if (auto bound = out.renew(); !bound) {
    return std::unexpected(bound.error());
  }
  return out;
}

Result<> Listener::hold_lock() {
  const std::string name = path_.native() + ".lock";
  struct stat held{};
  struct stat named{};
  if (lock_ && ::fstat(lock_.get(), &held) == 0 && ::lstat(name.c_str(), &named) == 0 &&
      held.st_dev == named.st_dev && held.st_ino == named.st_ino) {
    return {};
  }
  auto lock = hold_lock_file(name, "another agent",
                             "listens there: stop that one, or give this one another socket");
  if (!lock) {
    return std::unexpected(lock.error());
  }
  lock_ = std::move(*lock);
  return {};
}

Result<> Listener::renew() {
  const auto address = address_of(path_);
  if (!address) {
    return fail(fmt::format("the socket path '{}' must have 1 to {} bytes: choose another",
                            path_.native(), sizeof(sockaddr_un::sun_path) - 1));
  }
  if (const auto parent = path_.parent_path(); !parent.empty()) {
    std::error_code ec;
    std::filesystem::create_directories(parent, ec);
    if (ec) {
      return fail_system("cannot make the directory " + parent.native(), ec.value());
    }
  }
  if (auto locked = hold_lock(); !locked) {
    return locked;
  }
  if (auto cleared = clear_path(path_, *address); !cleared) {
    return cleared;
  }
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode is set before the name exists: there is no moment at which others could connect.
  if (!socket || ::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), generic(*address), sizeof(*address)) != 0) {
    return fail_system("cannot bind the socket " + path_.native());
  }
  struct stat bound{};
  if (::lstat(path_.c_str(), &bound) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    return fail_system("cannot listen on " + path_.native());
  }
  socket_ = std::move(socket);
  device_ = bound.st_dev;
  inode_ = bound.st_ino;
  return {};
}

bool Listener::is_lost() const {
  struct stat now{};
  return ::lstat(path_.c_str(), &now) != 0 || now.st_dev != device_ || now.st_ino != inode_;
}

Listener::~Listener() {
  if (socket_ && inode_ != 0 && !is_lost()) {
    ::unlink(path_.c_str());
  }
}

Result<Fd> Listener::accept() const {
  Fd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) {
    return fail_system("cannot accept on " + path_.native());
  }
  return connection;
}

}  // namespace usher::api
