#include "cri/root_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/escape.hpp"

namespace usher::cri {

Result<Fd> connect_to_root(const std::string& path, std::string_view what) {
  const std::string tried = "cannot connect to " + std::string(what) + " " + escape(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(tried + ": the path is too long", ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_system(tried);
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return fail_system(tried);
  }
  if (peer.uid != 0) {
    return fail(tried + ": who listens there has uid " + std::to_string(peer.uid) +
                    "; a runtime's word is only taken from root",
                EPERM);
  }
  return fd;
}

}  // namespace usher::cri
