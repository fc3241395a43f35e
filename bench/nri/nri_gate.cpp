// How long a runtime waits at NRI's StartContainer: stands for containerd on an NRI socket, takes
// the agent's plugin, and starts containers one by one, each timed from the request to its answer.
//
//   nri_gate SOCKET CGROUP CONTAINERS NAMESPACES ROOT
//
// Container i is in namespace ns-(i mod NAMESPACES), its root directory is ROOT. Prints NAME VALUE
// lines for bench/run.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/node.hpp"
#include "base/fd.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"
#include "nri/nri.pb.h"

namespace {

using namespace usher::nri;
using Clock = std::chrono::steady_clock;

constexpr int kPatience = 30'000;  // ms

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "nri_gate: %s\n", why.c_str());
  std::exit(1);
}

// The runtime's side of one connection; blocking.
class Runtime {
 public:
  explicit Runtime(const std::string& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
    ::unlink(socket.c_str());
    listener_ = usher::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 1) != 0) {
      give_up("cannot listen on " + socket);
    }
  }
  void accept() {
    pollfd ready{listener_.get(), POLLIN, 0};
    if (::poll(&ready, 1, kPatience) != 1) {
      give_up("no plugin came");
    }
    peer_ = usher::Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    while (!registered_) {
      read();
    }
  }
  // An answer without a status, or the end of the program.
  void ask(const std::string& method, const google::protobuf::MessageLite& message) {
    const auto stream = next_;
    next_ += 2;
    send(kPluginConnection,
         {stream, kRequest, 0,
          write_request({"nri.pkg.api.v1alpha1.Plugin", method, message.SerializeAsString(),
                         std::chrono::seconds(2)})});
    while (!answers_.contains(stream)) {
      read();
    }
    if (const auto answer = read_response(answers_[stream]); !answer) {
      give_up(method + ": " + answer.error().message);
    }
    answers_.erase(stream);
  }

 private:
  void send(std::uint32_t connection, const Frame& frame) {
    for (const auto& part : mux_frames(connection, ttrpc_message(frame))) {
      if (::send(peer_.get(), part.data(), part.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(part.size())) {
        give_up("the agent hung up");
      }
    }
  }
  void read() {
    std::array<char, 65536> buffer;  // NOLINT: filled by recv
    const ssize_t n = ::recv(peer_.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      give_up("the agent hung up");
    }
    std::vector<Frame> answers;
    std::vector<Frame> calls;
    const auto fed = mux_.feed({buffer.data(), static_cast<std::size_t>(n)},
                               [&](std::uint32_t connection, std::string_view part) {
                                 return connection == kPluginConnection
                                            ? plugin_.feed(part, answers)
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

  usher::Fd listener_;
  usher::Fd peer_;
  MuxReader mux_;
  TtrpcReader plugin_;
  TtrpcReader runtime_;
  std::map<std::uint32_t, std::string> answers_;
  std::uint32_t next_ = 1;
  bool registered_ = false;
};

v1::StateChangeEvent event(int number, int index, int namespaces) {
  const auto n = std::to_string(index);
  v1::StateChangeEvent event;
  event.set_event(number);
  auto& pod = *event.mutable_pod();
  pod.set_id("sandbox" + n);
  pod.set_name("pod-" + n);
  pod.set_namespace_("ns-" + std::to_string(index % namespaces));
  auto* label = pod.add_labels();
  label->set_key("app");
  label->set_value("app-" + std::to_string(index % 10));
  return event;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: nri_gate SOCKET CGROUP CONTAINERS NAMESPACES ROOT\n", stderr);
    return 2;
  }
  const int containers = std::atoi(argv[3]);
  const int namespaces = std::atoi(argv[4]);
  auto node = usher::bench::Node::start(argv[2], containers, argv[5]);
  if (!node) {
    give_up(node.error().message);
  }
  Runtime runtime(argv[1]);
  runtime.accept();
  v1::ConfigureRequest configure;
  configure.set_runtime_name("containerd");
  configure.set_runtime_version("bench");
  runtime.ask("Configure", configure);
  runtime.ask("Synchronize", v1::SynchronizeRequest());

  std::vector<double> took;
  for (int i = 0; i < containers; ++i) {
    runtime.ask("StateChange", event(1, i, namespaces));
    auto start = event(6, i, namespaces);
    auto& container = *start.mutable_container();
    container.set_id("bench" + std::to_string(i));
    container.set_pod_sandbox_id(start.pod().id());
    container.set_name("main");
    container.set_state(1);
    container.set_pid(static_cast<std::uint32_t>(node->pids()[static_cast<std::size_t>(i)]));
    const auto begun = Clock::now();
    runtime.ask("StateChange", start);
    took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
  }
  std::sort(took.begin(), took.end());
  const auto at = [&](double q) {
    return took[std::min(took.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(took.size())))];
  };
  std::printf("nri_gate_p50 %.3f\nnri_gate_p99 %.3f\n", at(0.5), at(0.99));
  return 0;
}
