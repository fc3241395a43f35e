// A relay over real unix sockets: what the virtual machine's monitor does when its guest dials the
// host, a test's own process does here.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "guest_host.hpp"
#include "kata/frames.hpp"
#include "kata/relay.hpp"
#include "kata/words.hpp"
#include "scratch.hpp"

namespace usher::kata::test {

namespace fs = std::filesystem;

inline constexpr std::uint32_t kPort = 4051;

// Ids as runtimes make them.
inline std::string id(char c) {
  return std::string(64, c);
}

// One guest's connection.
class Caller {
 public:
  explicit Caller(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    BOOST_REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    BOOST_REQUIRE_MESSAGE(
        ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
        path << ": " << std::strerror(errno));
    ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  }

  // False where the other side is gone.
  bool send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool say(const v1::FromGuest& what) { return send_bytes(frame(what.SerializeAsString())); }

  // Takes what has come. True where there is a word, or the end.
  bool pump() {
    std::array<char, 65536> buffer{};
    ssize_t n = 0;
    while ((n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0)) > 0) {
      BOOST_REQUIRE(reader_.feed({buffer.data(), static_cast<std::size_t>(n)},
                                 [this](std::string_view message) -> Result<> {
                                   v1::FromHost word;
                                   BOOST_REQUIRE(word.ParseFromArray(
                                       message.data(), static_cast<int>(message.size())));
                                   words.push_back(std::move(word));
                                   return {};
                                 }));
    }
    ended = ended || n == 0 || errno != EAGAIN;
    return ended || !words.empty();
  }
  void hang_up() { fd_.reset(); }

  std::vector<v1::FromHost> words;
  bool ended = false;

 private:
  Fd fd_;
  FrameReader reader_;
};

inline v1::FromGuest claim_of(const std::string& container, char nonce = 'n',
                              std::uint64_t ticket = 7) {
  v1::FromGuest out;
  out.mutable_claim()->set_ticket(ticket);
  out.mutable_claim()->set_container_id(container);
  out.mutable_claim()->set_nonce(std::string(kNonceSize, nonce));
  out.mutable_claim()->set_version("test");
  return out;
}

inline v1::FromGuest hello_with(const std::string& token = "") {
  v1::FromGuest out;
  auto& hello = *out.mutable_hello();
  hello.set_protocol(1);
  hello.set_token(token);
  hello.set_version("0.1.0");
  hello.set_kernel("6.12");
  hello.set_backend("lsm");
  hello.set_enforces(USHER_GUEST_ENFORCES_EXEC);
  return out;
}

struct RelayFixture {
  usher::test::Scratch scratch;
  fs::path base = scratch.path() / "k";
  GuestHost host;
  Options options;
  Relay::Bounds bounds;
  std::optional<Relay> relay;

  RelayFixture() {
    fs::create_directory(base);
    fs::permissions(base, fs::perms::owner_all);
    options.places = {*Place::parse((base / "{sandbox}/v.sock").string())};
    options.run_dir = (scratch.path() / "run").string();
    fs::create_directory(options.run_dir);
    options.missing_after = std::chrono::milliseconds(50);
    bounds.kernel = {.proc = scratch.path() / "proc", .cgroups = scratch.path() / "cgroup"};
    bounds.verdict = std::chrono::milliseconds(300);
    put_process(::getpid(), "/kubepods/podx/" + id('a'));
  }
  ~RelayFixture() { relay.reset(); }

  // What the fake /proc says of a process.
  void put_process(pid_t pid, const std::string& cgroup) const {
    scratch.write("proc/" + std::to_string(pid) + "/cgroup", "0::" + cgroup + "\n");
  }
  void start() {
    relay.emplace(host.host(), options, bounds);
    relay->start();
  }
  fs::path make_sandbox(const std::string& sandbox) const {
    fs::create_directory(base / sandbox);
    return base / sandbox;
  }
  std::string socket_of(const std::string& sandbox) const {
    return (base / sandbox / "v.sock").string() + "_" + std::to_string(kPort);
  }
  void listen_for(const std::string& sandbox) {
    make_sandbox(sandbox);
    until([&] { return fs::exists(socket_of(sandbox)); });
  }
  void until(const std::function<bool()>& done) {
    host.run_until(done);
    BOOST_REQUIRE(done());
  }
  // From the sandbox's own process.
  Caller call(const std::string& sandbox) {
    put_process(::getpid(), "/kubepods/podx/" + sandbox);
    return Caller(socket_of(sandbox));
  }
  // The next word; the end of the connection fails the test.
  v1::FromHost next(Caller& caller) {
    until([&] { return caller.pump(); });
    BOOST_REQUIRE(!caller.words.empty());
    auto word = caller.words.front();
    caller.words.erase(caller.words.begin());
    return word;
  }
  void ends(Caller& caller) {
    until([&] {
      caller.pump();
      return caller.ended;
    });
  }
  // A claim without a session, and its verdict.
  v1::Verdict ask(const std::string& sandbox, const v1::FromGuest& claim) {
    Caller caller = call(sandbox);
    BOOST_REQUIRE(caller.say(claim));
    return next(caller).verdict();
  }
  struct Opened {
    Caller caller;
    std::string token;
  };
  Opened open_session(const std::string& sandbox, const std::string& token = "") {
    Opened out{call(sandbox), ""};
    BOOST_REQUIRE(out.caller.say(hello_with(token)));
    const auto welcome = next(out.caller);
    BOOST_REQUIRE(welcome.has_welcome());
    out.token = welcome.welcome().token();
    BOOST_REQUIRE(next(out.caller).has_policies());
    return out;
  }
  plugin::Identity container(const std::string& sandbox, const std::string& name) const {
    plugin::Identity who;
    who.pod_namespace = "payments";
    who.pod_name = "api";
    who.pod_uid = "uid-1";
    who.container_id = name;
    who.sandbox_id = sandbox;
    who.labels_known = true;
    who.guest = true;
    return who;
  }
  void creates(const std::string& sandbox, const std::string& name) {
    host.creating.insert(sandbox + "/" + name);
    relay->container(USHER_EVENT_CONTAINER_STARTING, container(sandbox, name));
  }
};

}  // namespace usher::kata::test
