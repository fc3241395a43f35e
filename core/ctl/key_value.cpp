#include "ctl/key_value.hpp"

#include <charconv>

namespace usher::ctl {
namespace {

adapter::ConfigValue value_of(const std::string& text) {
  if (text == "true" || text == "false") {
    return text == "true";
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    return number;
  }
  return text;
}

}  // namespace

std::string has_equals_sign(const std::string& text) {
  return text.find('=') == std::string::npos || text[0] == '=' ? "KEY=VALUE is expected" : "";
}

void add_key_values(const std::vector<std::string>& arguments, adapter::Config& out) {
  for (const auto& argument : arguments) {
    const auto at = argument.find('=');
    out[argument.substr(0, at)] = value_of(argument.substr(at + 1));
  }
}

}  // namespace usher::ctl
