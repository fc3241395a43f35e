// The forms that values in [adapters.kata] have. All throw plugin::Failure that names the key.
#pragma once

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "usher/plugin.hpp"

namespace usher::kata {

// One of the words; the first where nothing is set.
std::string one_of(const plugin::Settings& settings, const std::string& key,
                   std::initializer_list<std::string_view> words);

// "10s", "1500ms", "2m"; from 1 ms to 1 h.
std::chrono::milliseconds duration(const plugin::Settings& settings, const std::string& key,
                                   std::chrono::milliseconds otherwise);

// A list. One alone may be given as a string: --set KEY=VALUE can say no list.
std::vector<std::string> list(const plugin::Settings& settings, const std::string& key);

}  // namespace usher::kata
