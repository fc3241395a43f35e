// Between the C ABI's borrowed structs and the agent's values. What an adapter passes is checked
// before it is read: sizes, lengths and pointers that cannot be are a Misuse, not a crash.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/counters.hpp"
#include "adapter/host.hpp"
#include "base/error.hpp"
#include "identity/identity.hpp"
#include "usher/plugin.h"

namespace usher::adapter {

template <class T>
using Checked = std::expected<T, Misuse>;

// Version 1.0's sizes of what adapters write. They never change: tests/abi/frozen/plugin-1.0.h.
template <class T>
constexpr std::uint32_t kFirstSize = 0;
template <>
constexpr inline std::uint32_t kFirstSize<usher_error> = 32;
template <>
constexpr inline std::uint32_t kFirstSize<usher_identity> = 184;
template <>
constexpr inline std::uint32_t kFirstSize<usher_event> = 56;
template <>
constexpr inline std::uint32_t kFirstSize<usher_plugin> = 104;
template <>
constexpr inline std::uint32_t kFirstSize<usher_oci> = 16;
template <>
constexpr inline std::uint32_t kFirstSize<usher_install> = 40;
template <>
constexpr inline std::uint32_t kFirstSize<usher_install_step> = 56;
// Those of 1.2, in which they are new.
template <>
constexpr inline std::uint32_t kFirstSize<usher_guest_claim> = 56;
template <>
constexpr inline std::uint32_t kFirstSize<usher_guest_session> = 120;
template <>
constexpr inline std::uint32_t kFirstSize<usher_guest_relay> = 24;

// A struct that leads with its size, as this agent knows it: what the writer did not know is zero,
// what this agent does not know is left out. `what` names it in a Misuse.
template <class T>
Checked<T> read_sized(const T* from, std::string_view what) {
  static_assert(kFirstSize<T> != 0);
  if (from == nullptr) {
    return std::unexpected(Misuse{Count::null_members, "gave no " + std::string(what)});
  }
  const std::uint32_t given = from->size;
  if (given < kFirstSize<T>) {
    return std::unexpected(Misuse{
        Count::short_structs, "gave a " + std::string(what) + " of " + std::to_string(given) +
                                  " bytes; version 1.0's has " + std::to_string(kFirstSize<T>)});
  }
  T out{};
  std::memcpy(static_cast<void*>(&out), from, std::min<std::size_t>(given, sizeof(T)));
  return out;
}

constexpr usher_string raw(std::string_view s) {
  return {s.data(), s.size()};
}

// Not read where it cannot be: longer than `limit`, or null with a size.
Checked<std::string> take_text(usher_string s, std::string_view what, std::size_t limit = 1U << 16);

// For people: cut at `limit`; what is longer than a mebibyte is wild and not read.
Checked<std::string> take_words(usher_string s, std::string_view what, std::size_t limit = 8192);

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
Checked<Error> error_of(const usher_error* error);

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

// Copies; too long values, duplicate labels and an unknown flag are misuse.
Checked<identity::Identity> identity_of(const usher_identity* from);

// The ABI's form of an identity; borrows it.
class RawIdentity {
 public:
  explicit RawIdentity(const identity::Identity& from);
  RawIdentity(const RawIdentity&) = delete;
  RawIdentity& operator=(const RawIdentity&) = delete;
  const usher_identity* get() const { return &raw_; }

 private:
  std::vector<usher_pair> labels_;
  usher_identity raw_{};
};

// The ABI's form of a sandbox's policies; borrows them.
class RawGuestPolicies {
 public:
  explicit RawGuestPolicies(const GuestPolicies& from);
  RawGuestPolicies(const RawGuestPolicies&) = delete;
  RawGuestPolicies& operator=(const RawGuestPolicies&) = delete;
  const usher_guest_policies* get() const { return &raw_; }

 private:
  std::vector<usher_guest_policy> items_;
  std::vector<const usher_guest_policy*> pointers_;
  usher_guest_policies raw_{};
};

// Copies; `adapter` and `done` are the caller's to fill.
Checked<AdapterEvent> event_of(const usher_event* from);

// What an event holds of the agent's memory, in bytes.
std::size_t weight_of(const AdapterEvent& event);

}  // namespace usher::adapter
