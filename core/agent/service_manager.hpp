// What systemd is told: ready, stopping, alive. Does nothing where NOTIFY_SOCKET is not set.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <string>

namespace usher::agent {

class ServiceManager {
 public:
  explicit ServiceManager(asio::io_context& loop);
  void ready(const std::string& status);
  void reloading();
  void stopping();
  // Says "alive" at half the interval that WatchdogSec= asks for, from the loop: a loop that hangs
  // is restarted.
  void keep_alive();
  void stop() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  std::chrono::microseconds interval_{0};
};

}  // namespace usher::agent
