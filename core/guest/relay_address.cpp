#include "guest/relay_address.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include <charconv>
#include <cstring>

#include "base/escape.hpp"

namespace usher::guest {

namespace {

constexpr std::string_view kVsock = "vsock:";
constexpr std::string_view kUnix = "unix:";

Result<std::uint32_t> read_port(std::string_view text) {
  std::uint32_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, port);
  if (problem != std::errc() || rest != end || port == 0 || port == VMADDR_PORT_ANY) {
    return fail(fmt::format("\"{}\" is no port: expected 1 to 4294967294", escape(text)));
  }
  return port;
}

}  // namespace

Result<RelayAddress> parse_relay_address(std::string_view text) {
  RelayAddress address{std::string(text), {}};
  if (text.starts_with(kVsock)) {
    const auto port = read_port(text.substr(kVsock.size()));
    if (!port) {
      return std::unexpected(port.error());
    }
    sockaddr_vm vsock{};
    vsock.svm_family = AF_VSOCK;
    vsock.svm_cid = VMADDR_CID_HOST;
    vsock.svm_port = *port;
    address.endpoint = {&vsock, sizeof vsock, 0};
    return address;
  }
  if (text.starts_with(kUnix)) {
    const auto path = text.substr(kUnix.size());
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
      return fail(fmt::format("\"{}\" is no absolute path", escape(path)));
    }
    if (path.size() >= sizeof local.sun_path) {
      return fail(fmt::format("the path \"{}\" has {} bytes, and a unix socket's may have {}",
                              escape(path), path.size(), sizeof local.sun_path - 1));
    }
    std::memcpy(local.sun_path, path.data(), path.size());
    address.endpoint = {&local, sizeof local, 0};
    return address;
  }
  return fail(
      fmt::format("\"{}\" names no relay: expected vsock:PORT or unix:/PATH", escape(text)));
}

}  // namespace usher::guest
