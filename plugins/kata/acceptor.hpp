// Takes the connections of a listening socket from the agent's loop.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cri/loop.hpp"

namespace usher::kata {

// [main] Ends with this value, also from within its own callbacks.
class Acceptor {
 public:
  struct Handlers {
    std::function<void(const sockaddr_storage& from, Fd peer)> connected;
    // Connections wait, and why; once until one is taken again.
    std::function<void(const std::string& sentence)> problem;
  };

  Acceptor(cri::Loop loop, int listener, Handlers handlers)
      : loop_(loop), listener_(listener), handlers_(std::move(handlers)) {}
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // The socket, non-blocking, stays the caller's.
  Result<> start();

 private:
  void accept();
  void pause(int code);

  cri::Loop loop_;
  int listener_;
  Handlers handlers_;
  cri::Registration readable_;
  cri::Registration again_;
  bool told_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace usher::kata
