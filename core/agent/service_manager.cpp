#include "agent/service_manager.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <ctime>

namespace usher::agent {

ServiceManager::ServiceManager(asio::io_context& loop) : timer_(loop) {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) > 0) {
    interval_ = std::chrono::microseconds(microseconds / 2);
  }
}

void ServiceManager::ready(const std::string& status) {
  ::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void ServiceManager::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto text =
      fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                  static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
  ::sd_notify(0, text.c_str());
}

void ServiceManager::stopping() {
  ::sd_notify(0, "STOPPING=1");
}

void ServiceManager::keep_alive() {
  if (interval_.count() == 0) {
    return;
  }
  ::sd_notify(0, "WATCHDOG=1");
  timer_.expires_after(interval_);
  timer_.async_wait([this](std::error_code stopped) {
    if (!stopped) {
      keep_alive();
    }
  });
}

}  // namespace usher::agent
