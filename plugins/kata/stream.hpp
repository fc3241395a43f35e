// One guest's connection: frames both ways over a socket on the agent's loop. It knows nothing of
// what they say.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cri/loop.hpp"
#include "cri/unsent.hpp"
#include "kata/frames.hpp"

namespace usher::kata {

// [main] Held by shared_ptr: what is under way keeps it.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  struct Handlers {
    // Each frame; an error ends the stream with it.
    std::function<Result<>(std::string_view message)> frame;
    // The stream ended, by the other side (ECONNRESET), an error, or finish(); once, from the loop,
    // but not by close().
    std::function<void(const Error&)> ended;
  };
  // One whole set of policies and what is said beside it.
  static constexpr std::size_t kMaxUnsent = 24U << 20;

  // `fd` is non-blocking.
  static Result<std::shared_ptr<Stream>> open(cri::Loop loop, Fd fd, Handlers handlers);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Nothing where it has ended. A reader that lets more than kMaxUnsent wait is given up.
  void send(std::string_view message);
  // Reads nothing for so long: who says too much waits.
  void pause(std::chrono::milliseconds length);
  // Ends it when everything was sent, at the latest after `patience`.
  void finish(std::chrono::milliseconds patience);
  // Nothing is told any more.
  void close();
  bool is_open() const { return static_cast<bool>(fd_); }

 private:
  Stream(cri::Loop loop, Fd fd, Handlers handlers)
      : loop_(loop), fd_(std::move(fd)), handlers_(std::move(handlers)), unsent_(loop) {}
  Result<> watch();
  void receive();
  void flush();
  void drop(Error why);

  cri::Loop loop_;
  Fd fd_;
  Handlers handlers_;
  FrameReader reader_;
  cri::Unsent unsent_;
  bool finishing_ = false;
  cri::Registration readable_;
  cri::Registration paused_;
  cri::Registration patience_;
  cri::Registration telling_;
};

}  // namespace usher::kata
