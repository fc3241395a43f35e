// Stands for usherd's hook.sock in the tests and benchmarks of usher-hook: a real gRPC server that
// answers as it is told. It has none of the agent's checks of its peers.
//
//   hook_server SOCKET MODE [MS]
//   go      GO to everything          refuse  REFUSE with a message that needs escaping
//   slow    GO after MS               hang    no answer until the end
//   close   accepts and closes        error   gRPC status INTERNAL with a message to be decoded
//   busy    gRPC status UNAVAILABLE   garbage bytes that are no HTTP/2
//
// Prints "ready" when it listens, then one line per call: STAGE RUNTIME STATE-LENGTH
// (close and garbage: one word per connection). SIGTERM ends
// it.
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "usher/v1/hooks.grpc.pb.h"

namespace {

using usher::v1::HookRequest;
using usher::v1::HookResponse;

class Hooks final : public usher::v1::RuntimeHooks::Service {
 public:
  Hooks(std::string mode, std::chrono::milliseconds wait) : mode_(std::move(mode)), wait_(wait) {}

  void stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stopped_.notify_all();
  }

  grpc::Status Hook(grpc::ServerContext*, const HookRequest* request,
                    HookResponse* response) override {
    std::printf("%s %s %zu\n", usher::v1::HookStage_Name(request->stage()).c_str(),
                request->runtime().c_str(), request->state().size());
    std::fflush(stdout);
    if (mode_ == "error") {
      return {grpc::StatusCode::INTERNAL, "the map is 100% full\nfree it"};
    }
    if (mode_ == "busy") {
      return {grpc::StatusCode::UNAVAILABLE, "still loading"};
    }
    if (mode_ == "slow" || mode_ == "hang") {
      std::unique_lock lock(mutex_);
      const auto stopping = [this] { return stopping_; };
      if (mode_ == "slow") {
        stopped_.wait_for(lock, wait_, stopping);
      } else {
        stopped_.wait(lock, stopping);
      }
    }
    if (mode_ == "refuse") {
      response->set_verdict(HookResponse::VERDICT_REFUSE);
      response->set_message("no policy for \"payments\"\n; add \x1b[31mone");
    } else {
      response->set_verdict(HookResponse::VERDICT_GO);
    }
    return grpc::Status::OK;
  }

 private:
  std::string mode_;
  std::chrono::milliseconds wait_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
};

void announce() {
  std::puts("ready");
  std::fflush(stdout);
}

// close and garbage: below gRPC. Ends with the process, by SIGTERM's default.
int serve_raw(const std::string& path, bool garbage) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::unlink(path.c_str());
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 64) != 0) {
    std::perror("hook_server: cannot listen");
    return 1;
  }
  announce();
  for (;;) {
    const int peer = ::accept(listener, nullptr, nullptr);
    if (peer < 0) {
      return 1;
    }
    std::puts(garbage ? "garbage" : "closed");
    std::fflush(stdout);
    if (garbage) {
      constexpr std::string_view kText = "SSH-2.0-not-an-agent\r\n and some more bytes of it\r\n";
      if (::send(peer, kText.data(), kText.size(), MSG_NOSIGNAL) < 0) {
        std::perror("hook_server: send");
      }
      char byte = 0;
      while (::recv(peer, &byte, 1, 0) > 0) {
      }
    }
    ::close(peer);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: hook_server SOCKET MODE [MS]\n", stderr);
    return 2;
  }
  const std::string path = argv[1];
  const std::string mode = argv[2];
  if (mode == "close" || mode == "garbage") {
    return serve_raw(path, mode == "garbage");
  }
  int wait = 0;
  if (argc > 3) {
    const std::string_view text = argv[3];
    std::from_chars(text.data(), text.data() + text.size(), wait);
  }
  // Blocked before any thread of gRPC's starts, so that only the read below takes it.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  Hooks hooks(mode, std::chrono::milliseconds(wait));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(8 << 20);
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(&hooks);
  const auto server = builder.BuildAndStart();
  if (!server) {
    std::fprintf(stderr, "hook_server: cannot listen on %s\n", path.c_str());
    return 1;
  }
  announce();
  int signal = 0;
  sigwait(&ends, &signal);
  hooks.stop();
  server->Shutdown();
  return 0;
}
