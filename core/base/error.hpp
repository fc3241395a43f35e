// One error type for everything that can be recovered from.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace usher {

// What was tried, why it failed and, where there is something, what to do. `code` is an errno where
// the failure came from the system, else 0.
struct Error {
  std::string message;
  int code = 0;
};

template <class T = void>
using Result = std::expected<T, Error>;

// return fail("cannot read {}: …")
inline std::unexpected<Error> fail(std::string message, int code = 0) {
  return std::unexpected(Error{std::move(message), code});
}

// "TRIED: strerror(code)[; HINT]"
Error system_error(std::string_view tried, int code = errno, std::string_view hint = {});

inline std::unexpected<Error> fail_system(std::string_view tried, int code = errno,
                                          std::string_view hint = {}) {
  return std::unexpected(system_error(tried, code, hint));
}

// Puts "CONTEXT: " before the message.
inline std::unexpected<Error> fail_in(std::string_view context, Error error) {
  error.message = std::string(context) + ": " + error.message;
  return std::unexpected(std::move(error));
}

}  // namespace usher
