#include "hook/client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <expected>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "hook/session.hpp"

namespace usher::hook {
namespace {

using Kind = Outcome::Kind;

// Once the request is out, what HTTP/2 would still say (acknowledged settings, pings) only wakes
// the agent while it works on our verdict. It is sent when the answer takes longer than this.
constexpr std::chrono::milliseconds kQuiet{100};

std::unexpected<Outcome> outcome(Kind kind, std::string message) {
  return std::unexpected(Outcome{kind, std::move(message)});
}

std::expected<Fd, Outcome> connect_to(const std::string& path) {
  int raw = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (raw >= 0 && raw <= 2) {
    // A runtime may start hooks with closed standard streams: messages must not end up in the call.
    const int moved = ::fcntl(raw, F_DUPFD_CLOEXEC, 3);
    ::close(raw);
    raw = moved;
  }
  Fd fd(raw);
  if (!fd) {
    return outcome(Kind::failed, system_error("cannot make a unix socket").message);
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int code = errno;
    // EAGAIN: the agent's backlog is full.
    const bool again = code == ENOENT || code == ECONNREFUSED || code == EAGAIN || code == EINTR;
    return outcome(again ? Kind::unavailable : Kind::failed, system_error("connect", code).message);
  }
  // Whoever can write to the directory could listen there and let everything through.
  ucred server{};
  socklen_t length = sizeof(server);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &server, &length) != 0 ||
      server.uid != ::geteuid()) {
    return outcome(Kind::failed, "what listens there runs as uid " + std::to_string(server.uid) +
                                     ", not as this hook does: only usherd may answer");
  }
  return fd;
}

// Writes what the socket takes now and drops it from `out`. False: the peer is gone.
bool write_some(int fd, std::string& out) {
  std::size_t written = 0;
  while (written < out.size()) {
    const ssize_t n = ::send(fd, out.data() + written, out.size() - written, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      break;
    }
    if (n < 0) {
      return false;
    }
    written += static_cast<std::size_t>(n);
  }
  out.erase(0, written);
  return true;
}

Outcome lost(std::string_view how) {
  return {Kind::unavailable,
          "the connection was closed before an answer (" + std::string(how) + ")"};
}

Outcome no_http2(const std::string& how) {
  return {Kind::failed, "what listens there does not speak HTTP/2 (" + how + ")"};
}

// Reads what is there and gives it to the session. An Outcome when the connection is at its end.
std::expected<void, Outcome> read_some(int fd, Session& session) {
  std::array<char, 4096> buffer{};
  const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
    return {};
  }
  if (n < 0) {
    return std::unexpected(lost(std::strerror(errno)));
  }
  if (n == 0) {
    return std::unexpected(lost("end of stream"));
  }
  if (!session.receive({buffer.data(), static_cast<std::size_t>(n)})) {
    return std::unexpected(no_http2(session.error()));
  }
  return {};
}

}  // namespace

Outcome call_once(const std::string& socket, std::string_view message, const Deadline& deadline) {
  auto fd = connect_to(socket);
  if (!fd) {
    return std::move(fd).error();
  }
  Session session(message, deadline.remaining());
  std::string out;
  bool speak = true;
  for (;;) {
    if (speak || !session.request_sent()) {
      if (!session.collect(out)) {
        return {Kind::failed, "cannot make the request: " + session.error()};
      }
      if (!session.wants_to_hear()) {
        return no_http2("it broke the protocol");
      }
      speak = false;
    }
    if (!write_some(fd->get(), out)) {
      return lost(std::strerror(errno));
    }
    const auto remaining = deadline.remaining();
    if (remaining.count() == 0) {
      return {Kind::late, "the agent took the request and did not answer"};
    }
    const bool quiet = out.empty() && session.wants_to_speak();
    pollfd waiting{fd->get(), static_cast<short>(out.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    const int ready = ::poll(
        &waiting, 1, static_cast<int>((quiet ? std::min(remaining, kQuiet) : remaining).count()));
    if (ready < 0 && errno != EINTR) {
      return {Kind::failed, system_error("poll").message};
    }
    if (ready == 0) {
      speak = true;
      continue;
    }
    if (ready > 0 && (waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      if (const auto read = read_some(fd->get(), session); !read) {
        return session.ended() ? session.outcome() : read.error();
      }
      if (session.ended()) {
        return session.outcome();
      }
    }
  }
}

Outcome call(const std::string& socket, std::string_view message, const Deadline& deadline) {
  auto wait = kFirstRetry;
  for (;;) {
    Outcome result = call_once(socket, message, deadline);
    if (result.kind != Kind::unavailable) {
      return result;
    }
    const auto remaining = deadline.remaining();
    if (remaining.count() == 0) {
      return result;
    }
    ::poll(nullptr, 0, static_cast<int>(std::min(wait, remaining).count()));
    if (deadline.passed()) {
      return result;
    }
    wait = std::min(wait * 3 / 2, kLongestRetry);
  }
}

}  // namespace usher::hook
