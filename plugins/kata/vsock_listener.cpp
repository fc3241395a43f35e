#include "kata/vsock_listener.hpp"

#include <sys/socket.h>
// after sys/socket.h, whose types it uses
#include <linux/vm_sockets.h>

#include <utility>

namespace usher::kata {
namespace {

constexpr int kBacklog = 128;
constexpr int kAcceptsInARow = 32;

}  // namespace

Result<> VsockListener::start(std::uint32_t port) {
  Fd fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return fail_system("cannot make a vsock socket", errno,
                       "load the module vhost_vsock, or set vsock = false");
  }
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return fail_system("cannot listen on vsock port " + std::to_string(port), errno,
                       "choose another port, here and in the guests' usher-hook.conf");
  }
  auto watching = loop_.watch(fd.get(), USHER_READABLE, [this](std::uint32_t) { accept(); });
  if (!watching) {
    return std::unexpected(std::move(watching.error()));
  }
  fd_ = std::move(fd);
  readable_ = std::move(*watching);
  return {};
}

void VsockListener::stop() {
  readable_.cancel();
  fd_.reset();
}

void VsockListener::accept() {
  for (int i = 0; i < kAcceptsInARow && fd_; ++i) {
    sockaddr_vm from{};
    socklen_t size = sizeof from;
    Fd peer(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                      SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer) {
      return;
    }
    if (from.svm_family == AF_VSOCK) {
      connected_(from.svm_cid, std::move(peer));
    }
  }
}

}  // namespace usher::kata
