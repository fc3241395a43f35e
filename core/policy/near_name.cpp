#include "policy/near_name.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace usher::policy {
namespace {

constexpr std::size_t kLongest = 64;

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest(std::string_view given, std::span<const std::string_view> known) {
  if (given.size() > kLongest) {
    return {};
  }
  std::string_view best;
  std::size_t best_distance =
      std::max<std::size_t>(1, std::min<std::size_t>(3, given.size() / 2)) + 1;
  for (const std::string_view name : known) {
    // What was begun rightly ("namespace", "execute") is near whatever it lacks or has too much.
    const bool begun = given.size() >= 3 && name.size() >= 3 &&
                       (name.starts_with(given) || given.starts_with(name));
    const std::size_t d = begun ? 1 : distance(given, name);
    if (d < best_distance) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

std::string hint(std::string_view given, std::span<const std::string_view> known) {
  if (const auto name = nearest(given, known); !name.empty()) {
    return "; did you mean " + std::string(name) + "?";
  }
  std::string out = known.size() == 1 ? "; expected " : "; expected one of ";
  for (std::size_t i = 0; i < known.size(); ++i) {
    out += (i == 0 ? "" : ", ") + std::string(known[i]);
  }
  return out;
}

}  // namespace usher::policy
