// Tells when a socket is made anew at its path: a runtime removes and makes its own when it starts.
#pragma once

#include <functional>
#include <string>

#include "base/fd.hpp"
#include "cri/loop.hpp"

namespace usher::nri {

// [main]
class SocketWatch {
 public:
  // `made`: from the loop, each time something appears under that name.
  SocketWatch(cri::Loop loop, std::string socket, std::function<void()> made);
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  // Watches the socket's directory if it is there and not watched yet; it may have been removed and
  // made again. Call it before each try to connect. Not being able to watch is no error: who tries
  // again after pauses finds the socket as well.
  void look();
  void stop();

 private:
  void read();

  cri::Loop loop_;
  std::string directory_;
  std::string name_;
  std::function<void()> made_;
  Fd inotify_;
  cri::Registration readable_;
};

}  // namespace usher::nri
