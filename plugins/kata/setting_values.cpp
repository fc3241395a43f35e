#include "kata/setting_values.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/escape.hpp"
#include "install/options.hpp"

namespace usher::kata {

using install::bad_setting;

std::string one_of(const plugin::Settings& settings, const std::string& key,
                   std::initializer_list<std::string_view> words) {
  auto value = settings.text(key, *words.begin());
  if (std::ranges::find(words, value) == words.end()) {
    std::string all;
    for (const auto word : words) {
      all += (all.empty() ? "\"" : ", \"") + std::string(word) + "\"";
    }
    bad_setting(key, "is \"" + escape(value) + "\"; it must be one of " + all);
  }
  return value;
}

std::chrono::milliseconds duration(const plugin::Settings& settings, const std::string& key,
                                   std::chrono::milliseconds otherwise) {
  if (!settings.has(key)) {
    return otherwise;
  }
  const auto text = settings.text(key, "");
  std::int64_t number = 0;
  const auto [stop, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(stop, text.data() + text.size());
  const std::int64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  if (bad != std::errc() || factor == 0 || number < 1 || number > 3'600'000 / factor) {
    bad_setting(key,
                "is \"" + escape(text) +
                    "\"; it must be a whole number and ms, s or m, as in \"10s\", at most 1 h");
  }
  return std::chrono::milliseconds(number * factor);
}

std::vector<std::string> list(const plugin::Settings& settings, const std::string& key) {
  try {
    return settings.list(key);
  } catch (const plugin::Failure&) {
    return {settings.text(key, "")};
  }
}

}  // namespace usher::kata
