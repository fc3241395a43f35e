#include "hook/guest_relay.hpp"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <expected>
#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "hook/guest_wire.hpp"

namespace usher::hook {
namespace {

using Kind = Outcome::Kind;

constexpr std::size_t kNonce = 16;

std::unexpected<Outcome> outcome(Kind kind, std::string message) {
  return std::unexpected(Outcome{kind, std::move(message)});
}

std::unexpected<Outcome> lost(std::string_view how) {
  return outcome(Kind::unavailable,
                 "the connection was closed before a verdict (" + std::string(how) + ")");
}

std::unexpected<Outcome> bad(const std::string& how) {
  return outcome(Kind::failed, "what listens there is no relay of Usher: " + how);
}

// Not reached: whatever the reason, it may be there a moment later. A virtual machine monitor
// resets a call to a port that nobody listens on.
std::unexpected<Outcome> unreachable(int code) {
  return outcome(Kind::unavailable, system_error("connect", code).message);
}

// False: the deadline passed.
bool ready_in_time(int fd, short events, const Deadline& deadline) {
  for (;;) {
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, deadline.remaining_ms());
    if (ready >= 0 || errno != EINTR) {
      return ready != 0;  // what poll cannot tell, the next call says better
    }
  }
}

std::expected<Fd, Outcome> make_socket(int family) {
  int raw = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (raw >= 0 && raw <= 2) {
    const int moved = ::fcntl(raw, F_DUPFD_CLOEXEC, 3);  // messages must not end up in the call
    ::close(raw);
    raw = moved;
  }
  if (raw < 0) {
    return outcome(Kind::failed, system_error("cannot make a socket").message);
  }
  return Fd(raw);
}

std::expected<void, Outcome> finish_connect(int fd, int connected, const Deadline& deadline) {
  int code = connected == 0 ? 0 : errno;
  if (code == EINPROGRESS || code == EINTR) {
    if (!ready_in_time(fd, POLLOUT, deadline)) {
      return outcome(Kind::unavailable, "nobody took the call");
    }
    socklen_t length = sizeof(code);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) != 0) {
      code = errno;
    }
  }
  if (code != 0) {
    return unreachable(code);
  }
  return {};
}

std::expected<Fd, Outcome> connect_vsock(std::uint32_t port, const Deadline& deadline) {
  auto fd = make_socket(AF_VSOCK);
  if (!fd) {
    return fd;
  }
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_HOST;
  address.svm_port = port;
  const int done =
      ::connect(fd->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (auto connected = finish_connect(fd->get(), done, deadline); !connected) {
    return std::unexpected(std::move(connected).error());
  }
  return fd;
}

std::expected<Fd, Outcome> connect_unix(const std::string& path, const Deadline& deadline) {
  auto fd = make_socket(AF_UNIX);
  if (!fd) {
    return fd;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int done =
      ::connect(fd->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (auto connected = finish_connect(fd->get(), done, deadline); !connected) {
    return std::unexpected(std::move(connected).error());
  }
  // Whoever can write to the directory could listen there and let everything through.
  ucred server{};
  socklen_t length = sizeof(server);
  if (::getsockopt(fd->get(), SOL_SOCKET, SO_PEERCRED, &server, &length) != 0 ||
      server.uid != ::geteuid()) {
    return outcome(Kind::failed, "what listens there runs as uid " + std::to_string(server.uid) +
                                     ", not as this hook does");
  }
  return fd;
}

std::expected<void, Outcome> send_all(int fd, std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!ready_in_time(fd, POLLOUT, deadline)) {
        return outcome(Kind::late, "the relay did not take the claim");
      }
    } else if (errno != EINTR) {
      return lost(std::strerror(errno));
    }
  }
  return {};
}

// The one frame that comes, without its header.
std::expected<std::string, Outcome> receive_frame(int fd, const Deadline& deadline) {
  std::string bytes;
  std::optional<std::size_t> whole;
  for (;;) {
    if (!whole && bytes.size() >= kFrameHeader) {
      const auto length = frame_length(bytes);
      if (!length) {
        return bad(length.error().message);
      }
      whole = kFrameHeader + *length;
    }
    if (whole && bytes.size() > *whole) {
      return bad("more than one answer");
    }
    if (whole && bytes.size() == *whole) {
      return bytes.substr(kFrameHeader);
    }
    if (!ready_in_time(fd, POLLIN, deadline)) {
      return outcome(Kind::late, "the relay took the claim and did not answer");
    }
    std::array<char, 4096> buffer;  // NOLINT(*-member-init): read into
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n == 0) {
      return lost("end of stream");
    }
    if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
      return lost(std::strerror(errno));
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
}

// A nonce binds a verdict to its claim and is no secret: bytes of a pool that is not filled yet,
// early in a machine's life, do.
bool fill_random(char* bytes, std::size_t size) {
  constexpr unsigned kInsecure = 4;  // GRND_INSECURE, Linux 5.6
  return ::getrandom(bytes, size, GRND_NONBLOCK) == static_cast<ssize_t>(size) ||
         ::getrandom(bytes, size, kInsecure) == static_cast<ssize_t>(size);
}

std::expected<Claim, Outcome> new_claim(std::string_view container_id) {
  std::array<char, kNonce + sizeof(Claim::ticket)> random;  // NOLINT(*-member-init)
  if (!fill_random(random.data(), random.size())) {
    return outcome(Kind::failed, system_error("the kernel gives no random numbers").message);
  }
  Claim claim;
  claim.container_id = container_id;
  claim.nonce.assign(random.data(), kNonce);
  std::memcpy(&claim.ticket, random.data() + kNonce, sizeof(claim.ticket));
  return claim;
}

Outcome outcome_of(const Claim& claim, const std::string& frame) {
  auto verdict = decode_verdict(frame);
  if (!verdict) {
    return bad(verdict.error().message).error();
  }
  if (!answers(*verdict, claim)) {
    return bad("the verdict is for another claim").error();
  }
  if (verdict->word == kWordGo) {
    return {Kind::go, {}};
  }
  return {Kind::refused, verdict->word == kWordRefuse
                             ? std::move(verdict->message)
                             : "verdict " + std::to_string(verdict->word) + ", which is no GO"};
}

// `taken` becomes true where somebody took the call.
std::expected<Outcome, Outcome> ask_once(const GuestConfig& config, std::string_view container_id,
                                         const Deadline& deadline, bool& taken) {
  const auto claim = new_claim(container_id);
  if (!claim) {
    return std::unexpected(claim.error());
  }
  auto fd = config.relay_path.empty() ? connect_vsock(config.relay_port, deadline)
                                      : connect_unix(config.relay_path, deadline);
  if (!fd) {
    return std::unexpected(std::move(fd).error());
  }
  taken = true;
  if (auto sent = send_all(fd->get(), encode_claim(*claim, USHER_VERSION), deadline); !sent) {
    return std::unexpected(std::move(sent).error());
  }
  auto frame = receive_frame(fd->get(), deadline);
  if (!frame) {
    return std::unexpected(std::move(frame).error());
  }
  return outcome_of(*claim, *frame);
}

}  // namespace

Outcome ask_relay(const GuestConfig& config, std::string_view container_id,
                  const Deadline& deadline) {
  auto wait = kFirstRetry;
  bool taken = false;
  for (;;) {
    auto asked = ask_once(config, container_id, deadline, taken);
    Outcome result = asked ? *std::move(asked) : std::move(asked).error();
    if (result.kind != Kind::unavailable) {
      return result;
    }
    const auto remaining = deadline.remaining();
    if (remaining.count() > 0) {
      ::poll(nullptr, 0, static_cast<int>(std::min(wait, remaining).count()));
      wait = std::min(wait * 3 / 2, kLongestRetry);
    }
    if (deadline.passed()) {
      if (taken) {
        result.kind = Kind::late;
      }
      return result;
    }
  }
}

}  // namespace usher::hook
