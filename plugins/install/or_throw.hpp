// From a Result to what usher.install/1's functions throw.
#pragma once

#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "usher/plugin.hpp"

namespace usher::install {

template <class T>
T or_throw(Result<T> result) {
  if (!result) {
    throw plugin::Failure(result.error().message, USHER_FAILED, result.error().code);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

}  // namespace usher::install
