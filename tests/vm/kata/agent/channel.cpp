#include "channel.hpp"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

namespace usher::kata {
namespace {

Result<Fd> unix_socket(const std::string& path, bool listening) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(path + " is too long for a unix socket");
  }
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* const plain = reinterpret_cast<const sockaddr*>(&address);
  const int done = listening ? ::bind(fd.get(), plain, sizeof(address))
                             : ::connect(fd.get(), plain, sizeof(address));
  if (!fd || done != 0) {
    return fail_system((listening ? "cannot bind " : "cannot reach ") + path);
  }
  return fd;
}

Result<Fd> vsock_socket(unsigned port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  Fd fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fail_system("cannot bind vsock port " + std::to_string(port));
  }
  return fd;
}

Result<std::string> read_line(int fd) {
  std::string line;
  for (char byte = 0; ::recv(fd, &byte, 1, 0) == 1;) {
    if (byte == '\n') {
      return line;
    }
    line += byte;
  }
  return fail("the connection ended within a line");
}

void write_line(int fd, std::string line) {
  line += '\n';
  for (std::string_view left = line; !left.empty();) {
    const ssize_t n = ::send(fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (n <= 0) {
      return;
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

void serve_stdin(const Obey& obey) {
  std::string line;
  std::string answer;
  while (std::getline(std::cin, line)) {
    const bool more = obey(line, answer);
    std::cout << answer << std::endl;
    if (!more) {
      return;
    }
  }
}

Result<> serve_connections(const std::string& where, const Obey& obey) {
  constexpr std::string_view kVsock = "vsock:";
  constexpr std::string_view kUnix = "unix:";
  const auto listener =
      where.starts_with(kVsock)
          ? vsock_socket(static_cast<unsigned>(std::stoul(where.substr(kVsock.size()))))
          : unix_socket(where.substr(kUnix.size()), true);
  if (!listener) {
    return std::unexpected(listener.error());
  }
  if (::listen(listener->get(), 16) != 0) {
    return fail_system("cannot listen on " + where);
  }
  // Requests come at once: one that a starved machine's vsock has lost must not keep the next
  // waiting.
  const timeval patience{10, 0};
  for (bool more = true; more;) {
    const Fd peer(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const auto request = peer ? read_line(peer.get()) : fail("nobody came");
    if (request) {
      std::string answer;
      more = obey(*request, answer);
      write_line(peer.get(), answer);
    }
  }
  return {};
}

Result<std::string> call_guest(const std::string& socket, unsigned port,
                               const std::string& request) {
  // A sandbox's id and the socket's name are together longer than an address may be.
  const std::filesystem::path path(socket);
  const Fd folder(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto fd = unix_socket(
      "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.filename().string(), false);
  if (!fd) {
    return std::unexpected(fd.error());
  }
  write_line(fd->get(), "CONNECT " + std::to_string(port));
  const auto taken = read_line(fd->get());
  if (!taken || !taken->starts_with("OK ")) {
    return fail("nobody in the guest takes port " + std::to_string(port));
  }
  write_line(fd->get(), request);
  return read_line(fd->get());
}

}  // namespace usher::kata
