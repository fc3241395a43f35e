// Dials the relay's port as any program in a guest can, and says what a hook or the guest's agent
// never would.
//
//   kata_dial vsock:PORT|unix:PATH CASE [ID]
//
// Says how it ended. Exit status: 0 nothing was granted, 1 something was (a GO, a session), 2 there
// was nobody to say it to, or no end.
//
//   claim ID    asks for a container once         hello      opens a session
//   replay ID   twice with the same nonce         token      takes one up with a token of its own
//   again ID    twice on the same connection      other      begins with a report
//   oversize    a frame of more than 64 KiB       empty      a frame of nothing
//   garbage     what is no frame                  cut        half a claim
//   silent      nothing                           fuzz ID    a few claims, each with a byte changed
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/fd.hpp"
#include "hook/guest_wire.hpp"

namespace {

using usher::Fd;
using usher::hook::Claim;

constexpr int kPatience = 5000;    // ms; the relay's own deadlines are shorter
constexpr int kFuzzed = 12;        // at a time; below what the relay takes of a sandbox
constexpr std::size_t kTags = 12;  // of a claim's frame: the length and the first tags

[[noreturn]] void nobody(const char* what) {
  std::perror(what);
  std::exit(2);
}

Fd dial(std::string_view where) {
  constexpr std::string_view kVsock = "vsock:";
  constexpr std::string_view kUnix = "unix:";
  if (where.starts_with(kVsock)) {
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_HOST;
    address.svm_port =
        static_cast<unsigned>(std::atoi(std::string(where.substr(kVsock.size())).c_str()));
    Fd fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd ||
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      nobody("kata_dial: vsock");
    }
    return fd;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  where.substr(kUnix.size()).copy(address.sun_path, sizeof(address.sun_path) - 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    nobody("kata_dial: unix");
  }
  return fd;
}

std::string frame(std::string_view message) {
  std::string out(4, '\0');
  for (unsigned i = 0; i < 4; ++i) {
    out[i] = static_cast<char>(message.size() >> (24 - 8 * i) & 0xffU);
  }
  return out.append(message);
}

std::string claim_of(const std::string& id, char nonce) {
  return usher::hook::encode_claim(
      {.ticket = 7, .container_id = id, .nonce = std::string(16, nonce)}, "dial");
}

// FromGuest.hello: protocol 1, a backend, and a token where there is one.
std::string hello(std::string_view token) {
  using namespace std::string_literals;
  std::string fields = "\x08\x01"s + "\x2a\x04none"s;
  if (!token.empty()) {
    fields += "\x12"s + static_cast<char>(token.size()) + std::string(token);
  }
  return frame("\x12"s + static_cast<char>(fields.size()) + fields);
}

void say(const Fd& fd, std::string_view bytes) {
  std::ignore = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

// What is said until the relay hangs up, or the first frame of it.
std::string hear(const Fd& fd) {
  std::string said;
  std::array<char, 4096> buffer{};
  while (said.size() < 4 || said.size() < 4 + usher::hook::frame_length(said).value_or(0)) {
    pollfd waiting{fd.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kPatience) != 1) {
      std::fputs("nothing was said, and the connection was left open\n", stderr);
      std::exit(2);
    }
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      break;
    }
    said.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return said;
}

// Prints it; whether something was granted.
bool judge(std::string_view said) {
  if (said.size() <= 4) {
    std::puts("closed");
    return false;
  }
  const auto length = usher::hook::frame_length(said).value_or(0);
  const auto verdict = usher::hook::decode_verdict(said.substr(4, length));
  if (!verdict) {
    std::puts("something else than a verdict");
    return true;
  }
  std::printf("%s: %s\n", verdict->word == usher::hook::kWordGo ? "go" : "refused",
              verdict->message.c_str());
  return verdict->word == usher::hook::kWordGo;
}

bool once(std::string_view where, std::string_view bytes) {
  const Fd fd = dial(where);
  say(fd, bytes);
  return judge(hear(fd));
}

bool cut(std::string_view where, const std::string& id) {
  const Fd fd = dial(where);
  const auto whole = claim_of(id, 'c');
  say(fd, std::string_view(whole).substr(0, whole.size() / 2));
  ::shutdown(fd.get(), SHUT_WR);
  return judge(hear(fd));
}

bool fuzz(std::string_view where, const std::string& id) {
  std::mt19937 random(4051);
  std::vector<Fd> calls;
  for (int i = 0; i < kFuzzed; ++i) {
    auto bytes = claim_of(id, static_cast<char>('A' + i));
    const auto first = i % 2 == 0 ? bytes.size() : kTags;
    bytes[random() % first] = static_cast<char>(random());
    calls.push_back(dial(where));
    say(calls.back(), bytes);
  }
  bool granted = false;
  for (const auto& call : calls) {
    granted |= judge(hear(call));
  }
  return granted;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: kata_dial vsock:PORT|unix:PATH CASE [ID]\n", stderr);
    return 2;
  }
  const std::string_view where = argv[1];
  const std::string_view what = argv[2];
  const std::string id = argc > 3 ? argv[3] : std::string(64, 'f');
  if (what == "replay") {
    once(where, claim_of(id, 'r'));
    return once(where, claim_of(id, 'r')) ? 1 : 0;
  }
  if (what == "cut") {
    return cut(where, id) ? 1 : 0;
  }
  if (what == "fuzz") {
    return fuzz(where, id) ? 1 : 0;
  }
  const std::string bytes = what == "claim"   ? claim_of(id, 'n')
                            : what == "again" ? claim_of(id, '1') + claim_of(id, '2')
                            : what == "hello" ? hello("")
                            : what == "token" ? hello(std::string(32, 't'))
                            : what == "other" ? frame("\x1a\x05\x0a\x01x\x10\x01")
                            : what == "oversize"
                                ? std::string("\0\1\0\1", 4) + std::string(4096, 'x')
                            : what == "empty"   ? frame("")
                            : what == "garbage" ? std::string("HTTP/1.1 200 OK\r\n\r\n")
                                                : "";
  return once(where, bytes) ? 1 : 0;
}
