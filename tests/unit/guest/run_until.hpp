// A test's wait on an asio loop that the test itself runs.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <system_error>

namespace usher::guest::test {

// Runs the loop until `done` holds; false: it did not for ten seconds.
template <class F>
bool run_until(asio::io_context& loop, F&& done) {
  asio::steady_timer late(loop, std::chrono::seconds(10));
  bool expired = false;
  late.async_wait([&](std::error_code stopped) { expired = !stopped; });
  while (!done() && !expired) {
    loop.restart();
    loop.run_one();
  }
  // The wait's handler writes to this frame, so it runs before the frame goes.
  late.cancel();
  loop.restart();
  loop.poll();
  return done();
}

}  // namespace usher::guest::test
