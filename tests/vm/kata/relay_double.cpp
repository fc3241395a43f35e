// Answers guest hooks' claims on a unix socket as a folder says: what a relay that is slow, broken
// or hostile does, which the real one never does.
//
//   kata_relay_double SOCKET FOLDER
//
// FOLDER/ID holds one word for the container ID: go, hang, close, garbage, oversize, other-nonce,
// other-container; without the file: refuse. Says "ready", then a line a claim: ID, word.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "usher/guest/v1/relay.pb.h"

namespace {

namespace guest = usher::guest::v1;

bool read_whole(int peer, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::recv(peer, to, size, 0);
    if (n <= 0) {
      return false;
    }
    to += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool read_claim(int peer, guest::Claim& claim) {
  std::array<unsigned char, 4> header{};
  if (!read_whole(peer, reinterpret_cast<char*>(header.data()), header.size())) {
    return false;
  }
  std::string payload(static_cast<std::size_t>(header[2]) << 8 | header[3], '\0');
  guest::FromGuest word;
  if (!read_whole(peer, payload.data(), payload.size()) || !word.ParseFromString(payload)) {
    return false;
  }
  claim = word.claim();
  return true;
}

void send_bytes(int peer, const std::string& bytes) {
  std::ignore = ::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void send_verdict(int peer, const guest::Verdict& verdict) {
  guest::FromHost word;
  *word.mutable_verdict() = verdict;
  const std::string payload = word.SerializeAsString();
  std::string header(4, '\0');
  header[2] = static_cast<char>(payload.size() >> 8 & 0xffU);
  header[3] = static_cast<char>(payload.size() & 0xffU);
  send_bytes(peer, header + payload);
}

void serve(usher::Fd peer, const std::string& folder) {
  guest::Claim claim;
  if (!read_claim(peer.get(), claim)) {
    return;
  }
  std::string word = "refuse";
  std::ifstream(folder + "/" + claim.container_id()) >> word;
  std::cout << claim.container_id() + " " + word + "\n" << std::flush;

  guest::Verdict verdict;
  verdict.set_ticket(claim.ticket());
  verdict.set_container_id(claim.container_id());
  verdict.set_nonce(claim.nonce());
  verdict.set_word(word == "refuse" ? guest::Verdict::WORD_REFUSE : guest::Verdict::WORD_GO);
  verdict.set_message(word == "refuse" ? "it is not on the list" : "");
  if (word == "close") {
    return;
  }
  if (word == "garbage") {
    send_bytes(peer.get(), "HTTP/1.1 200 OK\r\n\r\n");
  } else if (word == "oversize") {
    send_bytes(peer.get(), std::string("\0\1\0\1", 4) + std::string(65537, 'x'));
  } else if (word == "other-nonce") {
    verdict.set_nonce(std::string(16, 'n'));
    send_verdict(peer.get(), verdict);
  } else if (word == "other-container") {
    verdict.set_container_id("another");
    send_verdict(peer.get(), verdict);
  } else if (word != "hang") {
    send_verdict(peer.get(), verdict);
  }
  char byte = 0;
  while (::recv(peer.get(), &byte, 1, 0) > 0) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: kata_relay_double SOCKET FOLDER\n", stderr);
    return 2;
  }
  const std::string path = argv[1];
  ::unlink(path.c_str());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const usher::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener.get(), 64) != 0) {
    std::perror("kata_relay_double");
    return 1;
  }
  std::cout << "ready" << std::endl;
  for (;;) {
    usher::Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer) {
      std::thread(serve, std::move(peer), std::string(argv[2])).detach();
    }
  }
}
