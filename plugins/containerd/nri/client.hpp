// A plugin's life towards a runtime with NRI: connect, register, serve, and again whenever the
// runtime has gone and come back.
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "base/error.hpp"
#include "containerd/nri/connection.hpp"
#include "containerd/nri/messages.hpp"
#include "containerd/nri/socket_watch.hpp"
#include "cri/loop.hpp"
#include "cri/task.hpp"

namespace usher::nri {

// What the plugin does with what it is told. [main]
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  // The events that are wanted, or why this runtime is none for us. It may come again.
  virtual Result<std::int32_t> configure(const Configure& runtime) = 0;
  // All that the runtime has, in one or more parts; the last has `more` false. It comes after every
  // registration. An error, which is told to the runtime, where it is more than can be taken.
  virtual Result<> synchronize(Synchronize part) = 0;
  // One event; every one must be answered.
  virtual void notice(Notice notice, Reply reply) = 0;
};

// [main]
class Client {
 public:
  // How the plugin stands. `absent`: never registered yet. `silent`: connected, but the runtime
  // does not say what it has. `refused`: by us, see configure.
  enum class State { absent, registered, silent, lost, refused };
  struct Options {
    std::string socket;
    std::string name = "usher";
    std::string index = "10";                    // two digits; plugins are called in their order
    std::chrono::milliseconds first_pause{100};  // until the next try, doubled up to
    std::chrono::milliseconds longest_pause{5000};
    // After a runtime that is none for us, unless its socket is made anew.
    std::chrono::milliseconds refused_pause{60'000};
    // A connection that held this long begins with the first pause again.
    std::chrono::milliseconds steady{10'000};
    std::chrono::milliseconds register_within{5000};
    // From the registration's answer to the end of the runtime's list. It is told then that there
    // is none; the connection stays, as a runtime that is only busy comes back to it.
    std::chrono::milliseconds list_within{10'000};
    // A request's answer; shorter where the runtime gives less time. The runtime drops a plugin
    // that takes 2 s, and the whole node waits meanwhile.
    std::chrono::milliseconds answer_within{900};
    // Told at each try that failed and whenever the state changes.
    std::function<void(State state, const std::string& sentence)> told;
    std::function<void(std::uint32_t level, const std::string& line)> log;
  };

  // `service` outlives it.
  Client(cri::Loop loop, Options options, Service& service);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  // `stopped` is called once, maybe at once; nothing is served or told any more then.
  void stop(std::function<void()> stopped);

 private:
  struct Wait;

  cri::Detached run();
  cri::Task<Result<>> session();
  void serve(Request request, Reply reply);
  void configure(const std::string& payload, Reply reply);
  void synchronize(const std::string& payload, Reply reply);
  void expect_list();
  void count_late(const std::string& method);
  void socket_made();
  void tell(State state, const std::string& sentence);
  void wake();
  std::chrono::milliseconds jittered(std::chrono::milliseconds pause);

  cri::Loop loop_;
  Options options_;
  Service& service_;
  SocketWatch watch_;
  std::shared_ptr<Connection> connection_;
  State state_ = State::absent;
  std::string sentence_;
  std::string runtime_;      // name and version, as Configure said them
  Error loss_;               // of the connection, once it is lost
  bool configured_ = false;  // on this connection; nothing else is served before
  bool listed_ = false;      // the whole list came on this connection
  bool refused_ = false;
  bool made_ = false;  // the socket was, since the last try
  bool running_ = false;
  bool stopping_ = false;
  std::uint64_t late_ = 0;
  std::minstd_rand random_;
  std::coroutine_handle<> waiter_;  // of run(), in a pause or while a connection stands
  cri::Registration timer_;
  cri::Registration list_timer_;  // while the runtime owes its list
  std::function<void()> stopped_;
};

}  // namespace usher::nri
