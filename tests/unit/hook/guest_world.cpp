#include "guest_world.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>

namespace usher::test {
namespace {

std::pair<Fd, Fd> make_pipe() {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

void read_whole(int peer, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::recv(peer, to, size, 0);
    if (n <= 0) {
      BOOST_ERROR("the hook closed the connection within a frame");
      return;
    }
    to += n;
    size -= static_cast<std::size_t>(n);
  }
}

}  // namespace

Relay::Relay(const std::filesystem::path& socket, std::function<void(int)> serve)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), serve_(std::move(serve)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  BOOST_REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
                0);
  BOOST_REQUIRE(::listen(fd_.get(), 8) == 0);
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const Fd peer(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (peer) {
        serve_(peer.get());
      }
    }
  });
}

Relay::~Relay() {
  thread_.request_stop();
  ::shutdown(fd_.get(), SHUT_RDWR);
}

guest::v1::Claim read_claim(int peer) {
  std::array<unsigned char, 4> header{};
  read_whole(peer, reinterpret_cast<char*>(header.data()), header.size());
  std::string payload(static_cast<std::size_t>(header[0]) << 24 |
                          static_cast<std::size_t>(header[1]) << 16 |
                          static_cast<std::size_t>(header[2]) << 8 | header[3],
                      '\0');
  read_whole(peer, payload.data(), payload.size());
  guest::v1::FromGuest word;
  BOOST_TEST(word.ParseFromString(payload));
  BOOST_TEST(word.has_claim());
  return word.claim();
}

guest::v1::FromHost verdict_for(const guest::v1::Claim& claim, guest::v1::Verdict::Word word,
                                const std::string& message) {
  guest::v1::FromHost answer;
  auto& verdict = *answer.mutable_verdict();
  verdict.set_ticket(claim.ticket());
  verdict.set_container_id(claim.container_id());
  verdict.set_nonce(claim.nonce());
  verdict.set_word(word);
  verdict.set_message(message);
  return answer;
}

void send_bytes(int peer, const std::string& bytes) {
  std::ignore = ::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void send_frame(int peer, const std::string& payload) {
  std::string header(4, '\0');
  for (unsigned i = 0; i < 4; ++i) {
    header[i] = static_cast<char>(payload.size() >> (24 - 8 * i) & 0xffU);
  }
  send_bytes(peer, header + payload);
}

void until_closed(int peer) {
  std::array<char, 256> buffer{};
  while (::recv(peer, buffer.data(), buffer.size(), 0) > 0) {
  }
}

pid_t peer_pid(int peer) {
  ucred who{};
  socklen_t length = sizeof(who);
  BOOST_TEST(::getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0);
  return who.pid;
}

pid_t only_child_of(pid_t pid) {
  const std::string name = std::to_string(pid);
  std::ifstream children("/proc/" + name + "/task/" + name + "/children");
  pid_t child = 0;
  children >> child;
  BOOST_TEST(child > 1);
  return child;
}

void kill_only_child_of(pid_t pid) {
  const pid_t child = only_child_of(pid);
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  ::kill(child, SIGKILL);
  pollfd waiting{pidfd.get(), POLLIN, 0};
  BOOST_TEST(::poll(&waiting, 1, 10'000) == 1);
}

void stop_watchdog(pid_t watchdog) {
  const std::filesystem::path proc = "/proc/" + std::to_string(watchdog);
  const auto until = [&](const char* file, std::string_view part) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (std::string text; text.find(part) == std::string::npos;) {
      if (std::chrono::steady_clock::now() > give_up) {
        BOOST_ERROR("the watchdog's " << file << " never said " << part);
        return;
      }
      std::ifstream in(proc / file);
      text.assign(std::istreambuf_iterator<char>(in), {});
    }
  };
  until("comm", "usher-watchdog");  // it takes that name when it has let go
  ::kill(watchdog, SIGSTOP);
  until("stat", ") T ");
}

pid_t child_but(pid_t excepted) {
  pid_t other = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) {
      other = child != excepted ? child : other;
    }
  }
  return other;
}

GuestWorld::GuestWorld(const std::string& more) {
  BOOST_REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  std::string name = std::filesystem::temp_directory_path() / "usher-guest-XXXXXX";
  root_ = ::mkdtemp(name.data());
  for (const auto* stage : {"prestart", "poststart", "poststop", "bundle"}) {
    std::filesystem::create_directory(root_ / stage);
    if (std::string_view(stage) != "bundle") {
      std::filesystem::copy_file(USHER_HOOK, root_ / stage / "usher-hook");
    }
  }
  configure("relay = unix:" + relay_path().string() + "\n" + more);
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  alive_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  container_ = ::fork();
  BOOST_REQUIRE(container_ >= 0);
  if (container_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[0]);
    char byte = 0;
    while (::read(ends[1], &byte, 1) == 1 && ::write(ends[1], &byte, 1) == 1) {
    }
    ::_exit(0);
  }
}

GuestWorld::~GuestWorld() {
  if (container_ != 0) {
    ::kill(container_, SIGKILL);
    ::waitpid(container_, nullptr, 0);
    container_ = 0;
  }
  wait_for_others();
  std::filesystem::remove_all(root_);
}

void GuestWorld::configure(const std::string& text) const {
  std::ofstream(root_ / "usher-hook.conf", std::ios::trunc) << text;
}

std::string GuestWorld::state() const {
  return state_of(std::to_string(container_));
}

std::string GuestWorld::state_of(const std::string& pid) const {
  return R"({"ociVersion":"1.2.1","id":"c1","status":"created","pid":)" + pid + R"(,"bundle":")" +
         (root_ / "bundle").string() +
         R"(","annotations":{"io.kubernetes.cri.sandbox-name":"web-0"}})";
}

GuestWorld::Ended GuestWorld::run(const std::string& stage, const std::string& state) {
  const auto start = std::chrono::steady_clock::now();
  auto [in_reader, in_writer] = make_pipe();
  auto [out_reader, out_writer] = make_pipe();
  const std::string program = root_ / stage / "usher-hook";
  std::array<char*, 3> argv = {const_cast<char*>("usher-hook"), const_cast<char*>(stage.c_str()),
                               nullptr};
  std::array<char*, 1> environment = {nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_reader.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_writer.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_writer.get(), STDERR_FILENO);
  if (streams_closed_) {
    posix_spawn_file_actions_addclose(&actions, STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, STDERR_FILENO);
  }
  posix_spawn_file_actions_addchdir_np(&actions, (root_ / "bundle").c_str());
  pid_t pid = 0;
  BOOST_REQUIRE(::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(),
                              environment.data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  in_reader.reset();
  out_writer.reset();
  std::signal(SIGPIPE, SIG_IGN);
  BOOST_TEST(::write(in_writer.get(), state.data(), state.size()) ==
             static_cast<ssize_t>(state.size()));
  in_writer.reset();

  Ended ended;
  std::array<char, 4096> buffer{};
  // The hook may be stopped by its relay: then it is ended after what is far beyond its deadline.
  for (bool overdue = false;;) {
    pollfd waiting{out_reader.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 3000) == 0) {
      ended.streams_held = overdue;
      if (overdue) {
        break;
      }
      overdue = true;
      ::kill(pid, SIGKILL);
      continue;
    }
    const ssize_t n = ::read(out_reader.get(), buffer.data(), buffer.size());
    if (n <= 0) {
      break;
    }
    ended.said.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  BOOST_TEST(::waitpid(pid, &status, 0) == pid);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  ended.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  return ended;
}

void GuestWorld::wait_for_others() {
  for (pid_t other = child_but(container_); other != 0; other = child_but(container_)) {
    ::waitpid(other, nullptr, 0);
  }
}

bool GuestWorld::container_was_killed() {
  wait_for_others();
  // What was sent a SIGKILL answers no more, also where it has not ended yet.
  char byte = '?';
  if (::send(alive_.get(), &byte, 1, MSG_NOSIGNAL) == 1 && ::recv(alive_.get(), &byte, 1, 0) == 1) {
    return false;
  }
  int status = 0;
  ::waitpid(container_, &status, 0);
  container_ = 0;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace usher::test
