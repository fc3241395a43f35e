#include "install/diff.hpp"

#include <cstddef>
#include <vector>

#include "base/escape.hpp"

namespace usher::install {
namespace {

constexpr std::size_t kMaxLines = 1000;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, std::string_view name) {
  if (before == after) {
    return {};
  }
  const auto a = lines_of(before);
  const auto b = lines_of(after);
  std::string out = "--- " + escape(name) + "\n+++ " + escape(name) + "\n@@ -" +
                    std::to_string(a.empty() ? 0 : 1) + "," + std::to_string(a.size()) + " +" +
                    std::to_string(b.empty() ? 0 : 1) + "," + std::to_string(b.size()) + " @@\n";
  if (a.size() > kMaxLines || b.size() > kMaxLines) {
    return out + "(too long to show)\n";
  }
  // common[i][j]: length of the longest common part of a from i and b from j.
  std::vector<std::vector<std::size_t>> common(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1, 0));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const auto line = [&out](char mark, std::string_view text) {
    out += mark;
    out += escape(text);
    out += '\n';
  };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      line(' ', a[i++]);
      ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      line('-', a[i++]);
    } else {
      line('+', b[j++]);
    }
  }
  return out;
}

}  // namespace usher::install
