#include "kata/uds.hpp"

#include <fcntl.h>
#include <linux/un.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

constexpr int kBacklog = 64;

Result<sockaddr_un> address_of(int directory, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  if (path.size() >= sizeof address.sun_path) {
    return fail("the socket's name " + escape(name) + " is too long", ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> new_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return fail_system("cannot make a socket");
  }
  return fd;
}

std::unexpected<Error> in_the_way(const std::string& name, const std::string& why) {
  return fail("cannot make the socket " + escape(name) + ": " + why + "; it stays as it is",
              EADDRINUSE);
}

// Removes what an earlier agent left under that name.
Result<> make_way(int directory, const std::string& name, uid_t owner, uid_t trusted) {
  struct stat info{};
  if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Result<>{} : fail_system("cannot look at " + escape(name));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return in_the_way(name, "something that is no socket has its name");
  }
  if (info.st_uid != 0 && info.st_uid != trusted && info.st_uid != owner) {
    return in_the_way(name, "a socket of uid " + std::to_string(info.st_uid) + " has its name");
  }
  const auto address = address_of(directory, name);
  const auto fd = new_socket();
  if (!address || !fd) {
    return std::unexpected(address ? fd.error() : address.error());
  }
  if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 ||
      errno != ECONNREFUSED) {
    return in_the_way(name, "somebody else listens on it");
  }
  if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) {
    return fail_system("cannot remove the socket " + escape(name) + " of an earlier agent");
  }
  return {};
}

}  // namespace

Result<Uds> Uds::make(int directory, const std::string& name, uid_t owner, uid_t trusted) {
  if (auto way = make_way(directory, name, owner, trusted); !way) {
    return std::unexpected(std::move(way.error()));
  }
  const auto address = address_of(directory, name);
  auto fd = new_socket();
  if (!address || !fd) {
    return std::unexpected(address ? fd.error() : address.error());
  }
  // The file's mode is the socket's, but for the umask: nobody has it otherwise for a moment.
  if (::fchmod(fd->get(), 0600) != 0 ||
      ::bind(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return fail_system("cannot make the socket " + escape(name));
  }
  Uds out(std::move(*fd), name);
  // By the file that this socket is bound to, not by its name: whoever owns the directory may put
  // another file of root's there meanwhile, and that one would be given away. Wants CAP_NET_ADMIN.
  const Fd made(::ioctl(out.fd(), SIOCUNIXFILE));
  struct stat info{};
  if (!made || ::fstat(made.get(), &info) != 0) {
    return fail_system("cannot open the socket " + escape(name) + " that was just made");
  }
  out.device_ = info.st_dev;
  out.inode_ = info.st_ino;
  if (::listen(out.fd(), kBacklog) != 0 ||
      (info.st_uid != owner &&
       ::fchownat(made.get(), "", owner, static_cast<gid_t>(-1), AT_EMPTY_PATH) != 0)) {
    auto why = fail_system("cannot listen on the socket " + escape(name));
    out.remove_from(directory);
    return why;
  }
  return out;
}

bool Uds::is_in(int directory) const {
  struct stat info{};
  return ::fstatat(directory, name_.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         info.st_dev == device_ && info.st_ino == inode_;
}

void Uds::remove_from(int directory) const {
  if (is_in(directory)) {
    ::unlinkat(directory, name_.c_str(), 0);
  }
}

}  // namespace usher::kata
