#include "agent/hub.hpp"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

namespace usher::agent {

// Shared by the hub and one subscription, so that either may go first.
struct Hub::Queue {
  explicit Queue(const asio::any_io_executor& executor)
      : filled(executor, asio::steady_timer::time_point::max()) {}

  asio::steady_timer filled;  // never expires; cancelled when there is something to take
  std::deque<v1::Event> events;
  std::uint64_t lost = 0;
  bool closed = false;
};

class Hub::Subscription : public api::EventSubscription {
 public:
  explicit Subscription(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}

  asio::awaitable<Result<v1::Event>> next() override {
    const auto queue = queue_;
    while (queue->events.empty() && queue->lost == 0 && !queue->closed) {
      std::error_code ended;
      co_await queue->filled.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    }
    if (!queue->events.empty()) {
      auto event = std::move(queue->events.front());
      queue->events.pop_front();
      co_return event;
    }
    if (queue->lost != 0) {
      v1::Event event;
      event.set_type("lost");
      event.set_severity("warning");
      event.set_suppressed(std::exchange(queue->lost, 0));
      event.set_message("events came faster than this reader took them");
      co_return event;
    }
    co_return fail("no more events: usherd is stopping, or the history was all that was asked for");
  }

 private:
  std::shared_ptr<Queue> queue_;
};

Hub::Hub(asio::any_io_executor executor, std::size_t history, std::size_t queue)
    : executor_(std::move(executor)), history_limit_(history), queue_limit_(queue) {}

Hub::~Hub() {
  close();
}

void Hub::publish(const v1::Event& event) {
  history_.push_back(event);
  if (history_.size() > history_limit_) {
    history_.pop_front();
  }
  std::erase_if(queues_, [](const auto& queue) { return queue.expired(); });
  for (const auto& weak : queues_) {
    const auto queue = weak.lock();
    // After a loss nothing is queued until the reader has taken all and been told.
    if (queue->lost != 0 || queue->events.size() >= queue_limit_) {
      ++queue->lost;
    } else {
      queue->events.push_back(event);
    }
    queue->filled.cancel();
  }
}

std::unique_ptr<api::EventSubscription> Hub::subscribe(std::uint32_t history, bool follow) {
  auto queue = std::make_shared<Queue>(executor_);
  const auto count = std::min<std::size_t>(history, history_.size());
  queue->events.assign(history_.end() - static_cast<std::ptrdiff_t>(count), history_.end());
  queue->closed = closed_ || !follow;
  if (!queue->closed) {
    queues_.push_back(queue);
  }
  return std::make_unique<Subscription>(std::move(queue));
}

void Hub::close() {
  closed_ = true;
  for (const auto& weak : queues_) {
    if (const auto queue = weak.lock()) {
      queue->closed = true;
      queue->filled.cancel();
    }
  }
  queues_.clear();
}

}  // namespace usher::agent
