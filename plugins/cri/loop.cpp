#include "cri/loop.hpp"

#include <array>
#include <string>
#include <utility>

namespace usher::cri {
namespace {

// Called through a copy: the callback may end its own registration.
void call(void* context, std::uint32_t events) {
  const auto callback = *static_cast<Registration::Callback*>(context);
  callback(events);
}

}  // namespace

Registration::Registration(Registration&& other) noexcept
    : table_(other.table_),
      host_(other.host_),
      handle_(std::exchange(other.handle_, 0)),
      callback_(std::move(other.callback_)) {}

Registration& Registration::operator=(Registration&& other) noexcept {
  cancel();
  table_ = other.table_;
  host_ = other.host_;
  handle_ = std::exchange(other.handle_, 0);
  callback_ = std::move(other.callback_);
  return *this;
}

void Registration::cancel() {
  if (const auto handle = std::exchange(handle_, 0); handle != 0) {
    table_->cancel(host_, handle);
  }
}

template <class Register>
Result<Registration> Loop::make(Registration::Callback callback, Register add) const {
  Registration made;
  made.table_ = table_;
  made.host_ = host_;
  made.callback_ = std::make_unique<Registration::Callback>(std::move(callback));
  std::array<char, 256> text{};
  usher_error error{sizeof error, 0, text.data(), text.size(), 0};
  const usher_callback raw{&call, made.callback_.get()};
  if (add(raw, &made.handle_, &error) != USHER_OK) {
    made.handle_ = 0;
    return fail(std::string(text.data(), error.length), error.code);
  }
  return made;
}

Result<Registration> Loop::watch(int fd, std::uint32_t events,
                                 Registration::Callback callback) const {
  return make(std::move(callback), [&](usher_callback raw, std::uint64_t* handle, usher_error* e) {
    return table_->watch(host_, fd, events, raw, handle, e);
  });
}

Result<Registration> Loop::timer(std::chrono::milliseconds delay,
                                 Registration::Callback callback) const {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(delay).count();
  return make(std::move(callback), [&](usher_callback raw, std::uint64_t* handle, usher_error* e) {
    return table_->timer(host_, static_cast<std::uint64_t>(ns), raw, handle, e);
  });
}

}  // namespace usher::cri
