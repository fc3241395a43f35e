#include "hook/syslog.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace usher::hook {
namespace {

// RFC 3164: facility * 8 + severity.
constexpr int kDaemon = 3 * 8;
constexpr int kError = 3;
constexpr int kWarning = 4;

}  // namespace

void write_syslog(const std::string& path, bool error, std::string_view text) {
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  std::string line = "<" + std::to_string(kDaemon + (error ? kError : kWarning)) + ">usher-hook[" +
                     std::to_string(::getpid()) + "]: ";
  line += text;
  [[maybe_unused]] const ssize_t sent =
      ::sendto(fd.get(), line.data(), line.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

}  // namespace usher::hook
