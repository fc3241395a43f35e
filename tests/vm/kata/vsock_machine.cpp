// Stands for a virtual machine whose vsock has a context id of its own, as QEMU's has: the device
// is a real one of this kernel's (vhost-vsock), and what its guest would do is done here.
//
//   vsock_machine SOCKET PORT -device vhost-vsock-pci,guest-cid=CID
//
// Each call of SOCKET is a guest's program that calls PORT of context id 2. Says "ready".
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "vsock_device.hpp"

namespace {

using usher::Fd;
using usher::test::VsockDevice;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "vsock_machine: %s\n", why.c_str());
  std::exit(1);
}

struct Call {
  Fd program;
  bool taken = false;
  std::uint32_t read = 0;  // bytes of the host's that the program has
};

class Machine {
 public:
  Machine(VsockDevice device, Fd listener, std::uint32_t port)
      : device_(std::move(device)), listener_(std::move(listener)), port_(port) {}

  void run() {
    for (;;) {
      std::vector<pollfd> waiting{{listener_.get(), POLLIN, 0}, {device_.fd(), POLLIN, 0}};
      std::vector<std::uint32_t> ports;
      for (const auto& [port, call] : calls_) {
        if (call.taken) {
          waiting.push_back({call.program.get(), POLLIN, 0});
          ports.push_back(port);
        }
      }
      ::poll(waiting.data(), waiting.size(), -1);
      for (std::size_t i = 0; i < ports.size(); ++i) {
        if (waiting[i + 2].revents != 0) {
          from_program(ports[i]);
        }
      }
      if (waiting[1].revents != 0) {
        device_.receive(
            [this](const auto& header, std::string_view payload) { from_host(header, payload); });
      }
      if (waiting[0].revents != 0) {
        const auto port = next_++;
        calls_[port].program = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        send(port, VIRTIO_VSOCK_OP_REQUEST);
      }
    }
  }

 private:
  void send(std::uint32_t port, std::uint16_t operation, std::string_view payload = {},
            std::uint32_t flags = 0) {
    virtio_vsock_hdr header{};
    header.src_port = port;
    header.dst_port = port_;
    header.op = operation;
    header.flags = flags;
    header.fwd_cnt = calls_[port].read;
    device_.send(header, payload);
  }
  void from_program(std::uint32_t port) {
    std::array<char, VsockDevice::kPayload> buffer;  // NOLINT: filled by recv
    const ssize_t n = ::recv(calls_[port].program.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) {
      return send(port, VIRTIO_VSOCK_OP_RW, {buffer.data(), static_cast<std::size_t>(n)});
    }
    send(port, VIRTIO_VSOCK_OP_SHUTDOWN, {},
         VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND);
    calls_.erase(port);  // the host's reset finds none
  }
  void from_host(const virtio_vsock_hdr& header, std::string_view payload) {
    const std::uint32_t port = header.dst_port;
    const auto at = calls_.find(port);
    if (at == calls_.end()) {
      return;
    }
    switch (header.op) {
      case VIRTIO_VSOCK_OP_RESPONSE:
        at->second.taken = true;
        break;
      case VIRTIO_VSOCK_OP_RW:
        at->second.read += static_cast<std::uint32_t>(payload.size());
        ::send(at->second.program.get(), payload.data(), payload.size(), MSG_NOSIGNAL);
        send(port, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
        break;
      case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
        send(port, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
        break;
      case VIRTIO_VSOCK_OP_SHUTDOWN:
        send(port, VIRTIO_VSOCK_OP_RST);
        calls_.erase(port);
        break;
      case VIRTIO_VSOCK_OP_RST:
        calls_.erase(at);
        break;
      default:
        break;
    }
  }

  VsockDevice device_;
  Fd listener_;
  std::uint32_t port_;
  std::uint32_t next_ = 1024;
  std::map<std::uint32_t, Call> calls_;  // by the guest's port
};

Fd listen_on(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string(path).copy(address.sun_path, sizeof(address.sun_path) - 1);
  ::unlink(path);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(fd.get(), 16) != 0) {
    give_up("cannot listen on " + std::string(path));
  }
  return fd;
}

std::uint64_t cid_of(std::string_view device) {
  constexpr std::string_view kOption = "guest-cid=";
  const auto at = device.find(kOption);
  std::uint64_t cid = 0;
  if (at != std::string_view::npos) {
    std::from_chars(device.data() + at + kOption.size(), device.data() + device.size(), cid);
  }
  return cid;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 || cid_of(argv[4]) == 0) {
    std::fputs("usage: vsock_machine SOCKET PORT -device vhost-vsock-pci,guest-cid=CID\n", stderr);
    return 2;
  }
  auto device = VsockDevice::open(cid_of(argv[4]));
  if (!device) {
    give_up(device.error().message);
  }
  Machine machine(std::move(*device), listen_on(argv[1]),
                  static_cast<std::uint32_t>(std::atoi(argv[2])));
  std::puts("ready");
  std::fflush(stdout);
  machine.run();
}
