// A host on a loop of its own, and what it said.
#pragma once

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapter/host.hpp"

namespace usher::test {

struct HostFixture {
  asio::io_context loop{1};
  std::vector<adapter::AdapterEvent> events;
  std::vector<std::string> log;
  bool keep_events = true;  // an event that is kept holds its gate open
  std::function<void(adapter::AdapterEvent)> on_event;
  std::unique_ptr<adapter::Host> host;
  std::chrono::milliseconds gate_deadline{10000};

  ~HostFixture() { stop(); }

  adapter::Host& make(adapter::HostOptions options) {
    options.trust_any_owner = true;
    options.gate_deadline = gate_deadline;
    host = adapter::Host::create(
        loop, std::move(options),
        [this](adapter::AdapterEvent event) {
          if (keep_events) {
            events.push_back(event);
          }
          if (on_event) {
            on_event(std::move(event));
          }
        },
        [this](int, std::string_view name, std::string_view message) {
          log.push_back(std::string(name) + ": " + std::string(message));
        });
    return *host;
  }

  adapter::Host& make_with(const std::string& library) {
    adapter::HostOptions options;
    options.automatic = false;
    options.selected = {library};
    return make(std::move(options));
  }

  Result<identity::Identity> identify(
      const std::string& runtime, const identity::OciState& state,
      std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
    std::optional<Result<identity::Identity>> answer;
    asio::co_spawn(
        loop,
        [&]() -> asio::awaitable<void> {
          answer = co_await host->identify(runtime, state, "{}", deadline);
        },
        asio::detached);
    run_until([&] { return answer.has_value(); });
    return std::move(*answer);
  }

  // Runs the loop until `done` holds; the loop's own deadlines end every wait.
  void run_until(const std::function<bool()>& done) {
    loop.restart();
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    auto work = asio::make_work_guard(loop);
    while (!done() && std::chrono::steady_clock::now() < give_up) {
      loop.run_one_for(std::chrono::seconds(1));
    }
  }

  void stop(std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
    if (host == nullptr) {
      return;
    }
    bool over = false;
    asio::co_spawn(
        loop,
        [&]() -> asio::awaitable<void> {
          co_await host->stop(deadline);
          over = true;
        },
        asio::detached);
    run_until([&] { return over; });
  }

  // Of the first adapter.
  std::uint64_t counter(const std::string& name) const {
    return host->adapters().at(0).counters.at(name);
  }

  bool logged(const std::string& part) const {
    for (const auto& line : log) {
      if (line.find(part) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
};

inline std::string test_adapter(const std::string& name) {
  return std::string(TEST_ADAPTERS) + "/" + name + ".so";
}

inline identity::OciState state_of(const std::string& id) {
  identity::OciState state;
  state.id = id;
  state.status = "creating";
  state.bundle = "/b";
  return state;
}

}  // namespace usher::test
