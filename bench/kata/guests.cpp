#include "guests.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "usher/plugin.h"

namespace usher::bench {
namespace {

constexpr std::size_t kHeader = 4;

}  // namespace

void give_up(const std::string& why) {
  std::fprintf(stderr, "kata_relay: %s\n", why.c_str());
  std::exit(1);
}

Link::Link(const std::string& socket) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) {
    give_up("too long: " + socket);
  }
  socket.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up("nobody listens on " + socket);
  }
}

void Link::say(const guest::FromGuest& word) {
  const std::string message = word.SerializeAsString();
  std::string frame(kHeader, '\0');
  frame[2] = static_cast<char>(message.size() >> 8);
  frame[3] = static_cast<char>(message.size());
  frame += message;
  if (::send(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(frame.size())) {
    give_up("the relay hung up");
  }
}

guest::FromHost Link::hear() {
  for (;;) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < kHeader && left_.size() >= kHeader; ++i) {
      length = length << 8U | static_cast<std::uint8_t>(left_[i]);
    }
    if (left_.size() > kHeader && left_.size() >= kHeader + length) {
      guest::FromHost word;
      if (!word.ParseFromArray(left_.data() + kHeader, static_cast<int>(length))) {
        give_up("the relay says what is no message");
      }
      left_.erase(0, kHeader + length);
      return word;
    }
    std::array<char, 65536> buffer;  // NOLINT: filled by recv
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      give_up("the relay hung up");
    }
    left_.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

void Link::hear_go() {
  for (;;) {
    const auto word = hear();
    if (word.has_verdict()) {
      if (word.verdict().word() != guest::Verdict::WORD_GO) {
        give_up("refused: " + word.verdict().message());
      }
      return;
    }
  }
}

guest::FromGuest claim_of(const std::string& container) {
  static std::uint64_t number = 0;
  ++number;
  std::string nonce(16, 'n');
  std::memcpy(nonce.data(), &number, sizeof number);
  guest::FromGuest word;
  auto& claim = *word.mutable_claim();
  claim.set_ticket(number);
  claim.set_container_id(container);
  claim.set_nonce(nonce);
  claim.set_version("bench");
  return word;
}

guest::FromGuest hello() {
  guest::FromGuest word;
  auto& hello = *word.mutable_hello();
  hello.set_protocol(1);
  hello.set_version("bench");
  hello.set_kernel("6.12");
  hello.set_backend("lsm");
  hello.set_enforces(USHER_GUEST_ENFORCES_EXEC | USHER_GUEST_ENFORCES_FILES |
                     USHER_GUEST_ENFORCES_SOCKETS | USHER_GUEST_ENFORCES_FROM |
                     USHER_GUEST_ENFORCES_SOCKET_FROM);
  return word;
}

}  // namespace usher::bench
