// What the relay takes: an agent with the adapters containerd (NRI only) and kata, a hundred guests
// of Kata, and the time from a guest's claim to the verdict.
//
//   kata_relay NRI-SOCKET FOLDER AGENT
//
// FOLDER: of the sandboxes. AGENT: its pid. Prints NAME VALUE lines for bench/native: times are
// what the guest waits, wall clock, over SO_STREAM unix sockets as the relay has them for hybrid
// vsock; beside each the agent's own processor time for it, and a call and an answer between two
// processes that do nothing else, taken in turn with the claims: what the machine itself adds.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "guests.hpp"
#include "nri_runtime.hpp"

namespace {

using usher::bench::claim_of;
using usher::bench::give_up;
using usher::bench::Link;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;
namespace nri = usher::nri::v1;

constexpr int kSandboxes = 100;
constexpr int kRounds = 20;  // claims of each: within what a sandbox may ask for at once

double agents_cpu(pid_t agent) {
  clockid_t clock{};
  timespec now{};
  if (::clock_getcpuclockid(agent, &clock) != 0 || ::clock_gettime(clock, &now) != 0) {
    give_up("the agent's processor time cannot be told");
  }
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// For how long the process's first thread, where the agent's loop is, had to wait for a processor.
double waited_for_processor(pid_t process) {
  double ran = 0, waited = 0;
  std::ifstream("/proc/" + std::to_string(process) + "/schedstat") >> ran >> waited;
  return waited / 1e6;
}

double resident_mib(pid_t agent) {
  std::ifstream status("/proc/" + std::to_string(agent) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) {
      return std::atof(line.c_str() + 6) / 1024;
    }
  }
  give_up("the agent has gone");
}

double ms_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

double at(std::vector<double>& values, double part) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

// Each takes a call, hears a claim's worth of bytes and says a verdict's.
class Echo {
 public:
  explicit Echo(const fs::path& socket) : address_{} {
    address_.sun_family = AF_UNIX;
    socket.string().copy(address_.sun_path, sizeof address_.sun_path - 1);
    const usher::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener.get(), plain(), sizeof address_) != 0 || ::listen(listener.get(), 8) != 0) {
      give_up("cannot listen on " + socket.string());
    }
    child_ = ::fork();
    if (child_ == 0) {
      for (char bytes[256];;) {
        const usher::Fd peer(::accept(listener.get(), nullptr, nullptr));
        const ssize_t n = ::recv(peer.get(), bytes, sizeof bytes, 0);
        [[maybe_unused]] const ssize_t sent =
            ::send(peer.get(), bytes, n > 0 ? static_cast<std::size_t>(n) : 0, MSG_NOSIGNAL);
      }
    }
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  ~Echo() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  double once() const {
    char bytes[128] = {};
    const auto begun = Clock::now();
    const usher::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), plain(), sizeof address_) != 0 ||
        ::send(fd.get(), bytes, sizeof bytes, 0) < 0 ||
        ::recv(fd.get(), bytes, sizeof bytes, 0) < 0) {
      give_up("no echo");
    }
    return ms_since(begun);
  }

 private:
  const sockaddr* plain() const { return reinterpret_cast<const sockaddr*>(&address_); }
  sockaddr_un address_;
  pid_t child_ = 0;
};

class Bench {
 public:
  Bench(const std::string& socket, fs::path folder, pid_t agent)
      : runtime_(socket), folder_(std::move(folder)), agent_(agent), echo_(folder_ / "echo") {
    runtime_.accept();
  }

  void run() {
    // The first costs what all share.
    sandbox(0, "free");
    container(0, "warm");
    claim_alone(0, "warm");
    const double before = resident_mib(agent_);
    for (int i = 1; i <= kSandboxes; ++i) {
      sandbox(i, "ns-" + std::to_string(i % 100));
    }
    all_at_once();
    std::printf("resident %.1f\n", resident_mib(agent_) - before);
    measure("session", [this](int i, const std::string& id) { claim_in_session(i, id); }, 1);
    for (int i = kSandboxes + 1; i <= 2 * kSandboxes; ++i) {
      sandbox(i, "free");
    }
    measure("alone", [this](int i, const std::string& id) { claim_alone(i, id); }, kSandboxes + 1);
  }

 private:
  static std::string id_of(int sandbox) {
    char id[65];
    std::snprintf(id, sizeof id, "%064d", sandbox);
    return id;
  }
  std::string socket_of(int sandbox) const { return folder_ / id_of(sandbox) / "v_4051"; }

  void sandbox(int number, const std::string& name_space) {
    fs::create_directory(folder_ / id_of(number));
    nri::StateChangeEvent event;
    event.set_event(usher::test::kRunPodSandbox);
    auto& pod = *event.mutable_pod();
    pod.set_id(id_of(number));
    pod.set_name("pod-" + std::to_string(number));
    pod.set_uid("uid-" + std::to_string(number));
    pod.set_namespace_(name_space);
    pod.set_runtime_handler("kata");
    auto* label = pod.add_labels();
    label->set_key("app");
    label->set_value("app-" + std::to_string(number % 10));
    pods_.push_back(pod);
    runtime_.ask("StateChange", event);
    for (int tries = 0; !fs::exists(socket_of(number)); ++tries) {
      if (tries == 5000) {
        give_up("the relay does not listen for sandbox " + std::to_string(number));
      }
      ::usleep(1000);
    }
  }
  void container(int number, const std::string& id) {
    nri::PodAndContainer message;
    *message.mutable_pod() = pods_[static_cast<std::size_t>(number)];
    message.mutable_container()->set_id(id);
    message.mutable_container()->set_pod_sandbox_id(id_of(number));
    message.mutable_container()->set_name("main");
    runtime_.ask("CreateContainer", message);
  }
  // Sessions of all, then a claim of all, each before any is answered.
  void all_at_once() {
    for (int i = 1; i <= kSandboxes; ++i) {
      sessions_.emplace_back(socket_of(i));
      sessions_.back().say(usher::bench::hello());
    }
    for (int i = 1; i <= kSandboxes; ++i) {
      container(i, "first" + std::to_string(i));
    }
    for (int i = 1; i <= kSandboxes; ++i) {
      sessions_[static_cast<std::size_t>(i - 1)].say(claim_of("first" + std::to_string(i)));
    }
    for (auto& session : sessions_) {
      session.hear_go();
    }
  }
  void claim_alone(int number, const std::string& id) {
    Link link(socket_of(number));
    link.say(claim_of(id));
    link.hear_go();
  }
  void claim_in_session(int number, const std::string& id) {
    auto& session = sessions_[static_cast<std::size_t>(number - 1)];
    session.say(claim_of(id));
    session.hear_go();
  }
  template <class Claim>
  void measure(const std::string& name, Claim claim, int first) {
    std::vector<double> wall, waited, cpu, floor;
    const auto queued = [this] {
      return waited_for_processor(agent_) + waited_for_processor(::getpid());
    };
    for (int round = 0; round < kRounds; ++round) {
      for (int i = first; i < first + kSandboxes; ++i) {
        const auto id = name + std::to_string(i) + "-" + std::to_string(round);
        container(i, id);
        floor.push_back(echo_.once());
        const double before = agents_cpu(agent_);
        const double before_queued = queued();
        const auto begun = Clock::now();
        claim(i, id);
        wall.push_back(ms_since(begun));
        waited.push_back(std::max(wall.back() - (queued() - before_queued), 0.0));
        cpu.push_back(agents_cpu(agent_) - before);
      }
    }
    for (auto [what, values] :
         {std::pair("", &waited), {"_wall", &wall}, {"_cpu", &cpu}, {"_floor", &floor}}) {
      std::printf("%s%s_p50 %.3f\n%s%s_p99 %.3f\n", name.c_str(), what, at(*values, 0.5),
                  name.c_str(), what, at(*values, 0.99));
    }
  }

  usher::test::NriRuntime runtime_;
  fs::path folder_;
  pid_t agent_;
  Echo echo_;
  std::vector<nri::PodSandbox> pods_;
  std::deque<Link> sessions_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: kata_relay NRI-SOCKET FOLDER AGENT\n", stderr);
    return 2;
  }
  Bench(argv[1], argv[2], std::atoi(argv[3])).run();
  return 0;
}
