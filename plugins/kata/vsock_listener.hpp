// Real vsock: guests of monitors whose virtual machines have context ids of their own.
#pragma once

#include <cstdint>
#include <functional>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cri/loop.hpp"

namespace usher::kata {

// [main]
class VsockListener {
 public:
  using Connected = std::function<void(std::uint32_t cid, Fd peer)>;

  VsockListener(cri::Loop loop, Connected connected)
      : loop_(loop), connected_(std::move(connected)) {}
  VsockListener(const VsockListener&) = delete;
  VsockListener& operator=(const VsockListener&) = delete;

  // Listens on this port of every context id of the host. Errors say what to do.
  Result<> start(std::uint32_t port);
  void stop();

 private:
  void accept();

  cri::Loop loop_;
  Connected connected_;
  Fd fd_;
  cri::Registration readable_;
};

}  // namespace usher::kata
