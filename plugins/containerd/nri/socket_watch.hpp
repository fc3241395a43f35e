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

  // Watches the socket's directory, or where that is not there yet the nearest one above it, for
  // the next to be made. Call it before each try to connect. Not being able to watch is no error:
  // who tries again after pauses finds the socket as well.
  void look();
  void stop();

 private:
  bool watch(const Fd& inotify);
  void read();

  cri::Loop loop_;
  std::string directory_;
  std::string name_;
  std::string awaited_;     // in the directory that is watched: the socket, or the next directory
  bool at_socket_ = false;  // the directory that is watched is the socket's own
  std::function<void()> made_;
  Fd inotify_;
  cri::Registration readable_;
};

}  // namespace usher::nri
