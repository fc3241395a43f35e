#include "containerd/install/lines.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace usher::containerd {
namespace {

constexpr std::string_view kMark = " # usher";  // and one of these, and a checksum
constexpr std::string_view kAdded = ":";
constexpr std::string_view kInstead = "-instead:";

// FNV-1a: against a slip of the hand, not against malice.
std::string checksum(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", hash);
  return digits.data();
}

}  // namespace

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const bool has_end = end < text.size();
    const bool has_return = has_end && end != 0 && text[end - 1] == '\r';
    lines.push_back({std::string(text.substr(0, end - (has_return ? 1 : 0))),
                     has_return ? "\r\n" : (has_end ? "\n" : "")});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string join_lines(const std::vector<Line>& lines) {
  std::string text;
  for (const auto& line : lines) {
    text += line.content;
    text += line.ending;
  }
  return text;
}

std::string usual_ending(std::string_view text) {
  const auto end = text.find('\n');
  return end != std::string_view::npos && end != 0 && text[end - 1] == '\r' ? "\r\n" : "\n";
}

std::string_view trimmed_right(std::string_view text) {
  const auto last = text.find_last_not_of(" \t");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string marked(const std::string& content, Mark mark) {
  return content + std::string(kMark) + std::string(mark == Mark::instead ? kInstead : kAdded) +
         checksum(content);
}

Mark mark_of(std::string_view line) {
  const auto at = line.rfind(kMark);
  if (at == std::string_view::npos || line.starts_with(kWas)) {
    return Mark::none;
  }
  auto rest = line.substr(at + kMark.size());
  for (const auto& [sign, mark] : {std::pair(kAdded, Mark::added), {kInstead, Mark::instead}}) {
    if (rest.starts_with(sign)) {
      return rest.substr(sign.size()) == checksum(line.substr(0, at)) ? mark : Mark::changed;
    }
  }
  return Mark::none;
}

std::string_view unmarked(std::string_view line) {
  return line.substr(0, std::min(line.rfind(kMark), line.size()));
}

}  // namespace usher::containerd
