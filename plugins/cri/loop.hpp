// The agent's loop (host extension usher.loop/1) as C++ values.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.hpp"
#include "usher/plugin.h"

namespace usher::cri {

// A watch or a timer; ends with this value, also from within its own callback.
class Registration {
 public:
  using Callback = std::function<void(std::uint32_t events)>;

  Registration() = default;
  Registration(Registration&& other) noexcept;
  Registration& operator=(Registration&& other) noexcept;
  ~Registration() { cancel(); }
  void cancel();
  explicit operator bool() const { return handle_ != 0; }

 private:
  friend class Loop;
  const usher_loop* table_ = nullptr;
  void* host_ = nullptr;
  std::uint64_t handle_ = 0;
  std::unique_ptr<Callback> callback_;
};

// Valid as long as the host is. [main]
class Loop {
 public:
  Loop(const usher_loop* table, void* host) : table_(table), host_(host) {}

  // Level-triggered; `fd` stays the caller's. `events`: USHER_READABLE, USHER_WRITABLE.
  Result<Registration> watch(int fd, std::uint32_t events, Registration::Callback callback) const;
  // Once. Errors: the host is stopping.
  Result<Registration> timer(std::chrono::milliseconds delay,
                             Registration::Callback callback) const;

 private:
  template <class Register>
  Result<Registration> make(Registration::Callback callback, Register add) const;

  const usher_loop* table_;
  void* host_;
};

}  // namespace usher::cri
