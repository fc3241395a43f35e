#include "install/diff.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <vector>

#include "base/escape.hpp"

namespace usher::install {
namespace {

constexpr std::size_t kMaxLines = 1000;
constexpr std::size_t kContext = 3;
constexpr std::array kSecret = {"password", "passwd", "auth", "token", "secret", "credential"};

struct Line {
  char mark;  // ' ', '-' or '+'
  std::string_view text;
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// Differences are copied into tickets: a line that speaks of a secret keeps its name alone, and so
// does an address with a user in it.
std::string shown(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto scheme = text.find("://");
  const auto at = scheme == std::string_view::npos ? scheme : text.find('@', scheme);
  const bool user = at != std::string_view::npos && text.find('/', scheme + 3) > at;
  const bool secret = std::ranges::any_of(
      kSecret, [&lower](const char* word) { return lower.find(word) != std::string::npos; });
  const auto value = text.find_first_of("=:");
  if ((!user && !secret) || value == std::string_view::npos) {
    return escape(text);
  }
  return escape(text.substr(0, value + 1)) + " (not shown)";
}

std::vector<Line> compare(const std::vector<std::string_view>& a,
                          const std::vector<std::string_view>& b) {
  // common[i][j]: length of the longest common part of a from i and b from j.
  std::vector<std::vector<std::size_t>> common(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1, 0));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::vector<Line> lines;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      lines.push_back({' ', a[i++]});
      ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      lines.push_back({'-', a[i++]});
    } else {
      lines.push_back({'+', b[j++]});
    }
  }
  return lines;
}

// How many lines of [from, to) are one side's.
std::size_t count(const std::vector<Line>& lines, std::size_t from, std::size_t to, char other) {
  std::size_t n = 0;
  for (; from < to; ++from) {
    n += lines[from].mark != other ? 1 : 0;
  }
  return n;
}

std::string range(char side, std::size_t before, std::size_t length) {
  return side + std::to_string(length == 0 ? before : before + 1) + "," + std::to_string(length);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, std::string_view name) {
  if (before == after) {
    return {};
  }
  const auto a = lines_of(before);
  const auto b = lines_of(after);
  std::string out = "--- " + escape(name) + "\n+++ " + escape(name) + "\n";
  if (a.size() > kMaxLines || b.size() > kMaxLines) {
    return out + "(too long to show)\n";
  }
  const auto lines = compare(a, b);
  const auto changed = [&lines](std::size_t i) { return lines[i].mark != ' '; };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!changed(i)) {
      continue;
    }
    // A hunk: up to the last change that no more than two contexts keep apart from the one before.
    const std::size_t from = i < kContext ? 0 : i - kContext;
    std::size_t last = i;
    for (std::size_t next = i; next < lines.size() && next <= last + 2 * kContext; ++next) {
      last = changed(next) ? next : last;
    }
    const std::size_t to = std::min(lines.size(), last + kContext + 1);
    out += "@@ " + range('-', count(lines, 0, from, '+'), count(lines, from, to, '+')) + " " +
           range('+', count(lines, 0, from, '-'), count(lines, from, to, '-')) + " @@\n";
    for (std::size_t at = from; at < to; ++at) {
      out += lines[at].mark + shown(lines[at].text) + "\n";
    }
    i = to - 1;
  }
  return out;
}

}  // namespace usher::install
