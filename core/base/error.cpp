#include "base/error.hpp"

#include <system_error>

namespace usher {

Error system_error(std::string_view tried, int code, std::string_view hint) {
  std::string message(tried);
  message += ": ";
  message += std::generic_category().message(code);
  if (!hint.empty()) {
    message += "; ";
    message += hint;
  }
  return Error{std::move(message), code};
}

}  // namespace usher
