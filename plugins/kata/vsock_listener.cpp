#include "kata/vsock_listener.hpp"

#include <sys/socket.h>
// after sys/socket.h, whose types it uses
#include <linux/vm_sockets.h>

#include <cstring>
#include <utility>

namespace usher::kata {
namespace {

constexpr int kBacklog = 128;

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
  auto acceptor = std::make_unique<Acceptor>(
      loop_, fd.get(),
      Acceptor::Handlers{.connected =
                             [this](const sockaddr_storage& from, Fd peer) {
                               sockaddr_vm who{};
                               std::memcpy(&who, &from, sizeof who);
                               if (who.svm_family == AF_VSOCK) {
                                 connected_(who.svm_cid, std::move(peer));
                               }
                             },
                         .problem = problem_});
  if (auto started = acceptor->start(); !started) {
    return std::unexpected(std::move(started.error()));
  }
  fd_ = std::move(fd);
  acceptor_ = std::move(acceptor);
  return {};
}

void VsockListener::stop() {
  acceptor_.reset();
  fd_.reset();
}

}  // namespace usher::kata
