// Between the C ABI's borrowed structs and the agent's values.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/host.hpp"
#include "base/error.hpp"
#include "identity/identity.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

// A struct that leads with its size, as this agent knows it: what the writer did not know is zero,
// what this agent does not know is left out. A size too small to be one reads as all zero.
template <class T>
T read_sized(const T* from) {
  T out{};
  if (from == nullptr || from->size < sizeof(std::uint32_t)) {
    return out;
  }
  const std::size_t size = std::min<std::size_t>(from->size, sizeof(T));
  std::memcpy(static_cast<void*>(&out), from, size);
  out.size = static_cast<std::uint32_t>(size);
  return out;
}

constexpr usher_string raw(std::string_view s) {
  return {s.data(), s.size()};
}

// At most `limit` bytes; a null pointer reads as empty.
std::string text_of(usher_string s, std::size_t limit = 1U << 16);

// Bytes that an adapter says to people: control characters and bad UTF-8 are escaped, what it
// escaped itself is kept.
std::string shown(std::string_view message);

// An error struct for one call.
class ErrorSlot {
 public:
  ErrorSlot() : error_{sizeof error_, 0, text_.data(), text_.size(), 0} {}
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;

  usher_error* get() { return &error_; }
  Error take() const;

 private:
  std::array<char, 2048> text_{};
  usher_error error_;
};

// What an adapter's error says; a missing one says so.
Error error_of(const usher_error* error);

// Fills a caller's error struct.
void write_error(usher_error* to, const Error& error);

// The ABI's form of a configuration; borrows it.
class RawSettings {
 public:
  explicit RawSettings(const Config& config);
  RawSettings(const RawSettings&) = delete;
  RawSettings& operator=(const RawSettings&) = delete;
  const usher_settings* get() const { return &settings_; }

 private:
  std::vector<usher_setting> items_;
  std::vector<const usher_setting*> pointers_;
  std::deque<std::vector<usher_string>> lists_;
  usher_settings settings_;
};

// Copies; too long values, duplicate labels and an unknown flag are errors.
Result<identity::Identity> identity_of(const usher_identity& from);

}  // namespace usher::adapter
