#include "nri_runtime.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace usher::test {
namespace {

using namespace usher::nri;

constexpr int kPatience = 30'000;  // ms

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "NRI: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

NriRuntime::NriRuntime(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  ::unlink(socket.c_str());
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 1) != 0) {
    give_up("cannot listen on " + socket);
  }
}

void NriRuntime::accept() {
  pollfd ready{listener_.get(), POLLIN, 0};
  if (::poll(&ready, 1, kPatience) != 1) {
    give_up("no plugin came");
  }
  peer_ = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  while (!registered_) {
    read();
  }
  v1::ConfigureRequest configure;
  configure.set_runtime_name("containerd");
  configure.set_runtime_version("test");
  ask("Configure", configure);
  ask("Synchronize", v1::SynchronizeRequest());
}

void NriRuntime::ask(const std::string& method, const google::protobuf::MessageLite& message) {
  const auto stream = next_;
  next_ += 2;
  send(kPluginConnection, {stream, kRequest, 0,
                           write_request({"nri.pkg.api.v1alpha1.Plugin", method,
                                          message.SerializeAsString(), std::chrono::seconds(2)})});
  while (!answers_.contains(stream)) {
    read();
  }
  if (const auto answer = read_response(answers_[stream]); !answer) {
    give_up(method + ": " + answer.error().message);
  }
  answers_.erase(stream);
}

void NriRuntime::send(std::uint32_t connection, const Frame& frame) {
  for (const auto& part : mux_frames(connection, ttrpc_message(frame))) {
    if (::send(peer_.get(), part.data(), part.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(part.size())) {
      give_up("the agent hung up");
    }
  }
}

void NriRuntime::read() {
  std::array<char, 65536> buffer;  // NOLINT: filled by recv
  const ssize_t n = ::recv(peer_.get(), buffer.data(), buffer.size(), 0);
  if (n <= 0) {
    give_up("the agent hung up");
  }
  std::vector<Frame> answers;
  std::vector<Frame> calls;
  const auto fed = mux_.feed({buffer.data(), static_cast<std::size_t>(n)},
                             [&](std::uint32_t connection, std::string_view part) {
                               return connection == kPluginConnection ? plugin_.feed(part, answers)
                                                                      : runtime_.feed(part, calls);
                             });
  if (!fed) {
    give_up(fed.error().message);
  }
  for (auto& frame : answers) {
    answers_[frame.stream] = std::move(frame.data);
  }
  for (const auto& frame : calls) {
    registered_ = true;
    send(kRuntimeConnection, {frame.stream, kResponse, 0, {}});
  }
}

}  // namespace usher::test
