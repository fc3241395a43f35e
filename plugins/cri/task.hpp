// A coroutine that somebody waits for, and one that nobody does. All on the agent's loop: no part
// of this is for two threads.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace usher::cri {

// Starts when it is awaited, resumes its awaiter when it ends. An exception reaches the awaiter.
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type {
    std::optional<T> value;
    std::exception_ptr failed;
    std::coroutine_handle<> awaiter;

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Resume {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          return self.promise().awaiter;
        }
        void await_resume() noexcept {}
      };
      return Resume{};
    }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    void unhandled_exception() { failed = std::current_exception(); }
  };

  Task(Task&& other) noexcept : self_(std::exchange(other.self_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (self_) {
      self_.destroy();
    }
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    self_.promise().awaiter = awaiter;
    return self_;
  }
  T await_resume() {
    if (self_.promise().failed) {
      std::rethrow_exception(self_.promise().failed);
    }
    return std::move(*self_.promise().value);
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> self) : self_(self) {}
  std::coroutine_handle<promise_type> self_;
};

// The return type of a coroutine that runs at once and ends by itself. It must not throw.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

}  // namespace usher::cri
