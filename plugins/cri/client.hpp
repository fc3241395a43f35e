// A runtime's own record of its pods and containers, over CRI (runtime.v1.RuntimeService).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "cri/channel.hpp"
#include "cri/records.hpp"

namespace usher::cri {

// [main] Each call connects where there is no connection, and has the same deadline. Errors are the
// channel's (channel.hpp) and those of records.hpp; they say what was asked.
class Client {
 public:
  Client(Loop loop, const std::string& socket, std::chrono::milliseconds deadline,
         std::function<void(const Error&)> lost = {})
      : channel_(Channel::create(loop, socket, std::move(lost))), deadline_(deadline) {}

  Task<Result<RuntimeVersion>> version();
  Task<Result<List<Sandbox>>> sandboxes();
  // ENOENT: the runtime does not know it.
  Task<Result<Sandbox>> sandbox(std::string id);
  Task<Result<List<Container>>> running_containers();
  // In any state.
  Task<Result<List<Container>>> containers_of(std::string sandbox);
  Task<Result<int>> container_pid(std::string id);
  // The runtime's configuration as its verbose status tells it: a text of the runtime's own.
  Task<Result<std::string>> config();

  bool connected() const { return channel_->connected(); }
  void close() { channel_->close(); }

 private:
  std::shared_ptr<Channel> channel_;
  std::chrono::milliseconds deadline_;
};

}  // namespace usher::cri
