// Keeps a guest hook fail closed when the hook itself ends before its verdict.
//
// A child of its own session that holds the container's process and one end of a stream. One byte
// sends it home. The end of the stream without that byte (the hook was killed, or crashed) and the
// deadline make it kill the container; then it ends too. It keeps none of the hook's standard
// streams open: the guest's runtime waits for the end of those.
//
// When the watchdog itself is killed, the hook notices at its verdict and kills the container. Only
// when both are killed, the watchdog first, a container starts that nobody approved: no process can
// guard against that, the guest's kernel can (`usherd --guest`).
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"
#include "hook/deadline.hpp"
#include "hook/guest_target.hpp"

namespace usher::hook {

class Watchdog {
 public:
  static Result<Watchdog> start(const Target& target, const Deadline& deadline);

  // False: it is gone, or kills the container now: this GO came too late.
  bool disarm();
  // The hook did it itself: no need to say it again.
  void container_killed();

 private:
  bool say(char byte);
  explicit Watchdog(Fd channel) : channel_(std::move(channel)) {}

  Fd channel_;
};

}  // namespace usher::hook
