// Real vsock: guests of monitors whose virtual machines have context ids of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cri/loop.hpp"
#include "kata/acceptor.hpp"

namespace usher::kata {

// [main]
class VsockListener {
 public:
  using Connected = std::function<void(std::uint32_t cid, Fd peer)>;

  using Problem = std::function<void(const std::string& sentence)>;

  VsockListener(cri::Loop loop, Connected connected, Problem problem)
      : loop_(loop), connected_(std::move(connected)), problem_(std::move(problem)) {}
  VsockListener(const VsockListener&) = delete;
  VsockListener& operator=(const VsockListener&) = delete;

  // Listens on this port of every context id of the host. Errors say what to do.
  Result<> start(std::uint32_t port);
  void stop();

 private:
  cri::Loop loop_;
  Connected connected_;
  Problem problem_;
  Fd fd_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace usher::kata
