// Events to whoever follows them: a bounded queue per subscriber and a short history. On the loop.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "api/handlers.hpp"
#include "usher/v1/agent.pb.h"

namespace usher::agent {

class Hub {
 public:
  Hub(asio::any_io_executor executor, std::size_t history = 1024, std::size_t queue = 4096);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void publish(const v1::Event& event);
  // At most `history` of the events kept, then, if `follow`, what comes. A subscriber that does not
  // keep up loses the newest; the next event it gets then is of type "lost" and says how many.
  std::unique_ptr<api::EventSubscription> subscribe(std::uint32_t history, bool follow);
  // Every next() ends with an error once its queue is empty.
  void close();

 private:
  class Subscription;
  struct Queue;

  asio::any_io_executor executor_;
  std::size_t history_limit_;
  std::size_t queue_limit_;
  bool closed_ = false;
  std::deque<v1::Event> history_;
  std::vector<std::weak_ptr<Queue>> queues_;
};

}  // namespace usher::agent
