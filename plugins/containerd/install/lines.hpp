// The lines of an edited text, and the marks by which ours are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace usher::containerd {

struct Line {
  std::string content;
  std::string ending;  // "\n", "\r\n", or empty at the end of a text without one
};

std::vector<Line> split_lines(std::string_view text);
std::string join_lines(const std::vector<Line>& lines);
// That of the first line; "\n" where there is none.
std::string usual_ending(std::string_view text);
std::string_view trimmed_right(std::string_view text);

// Before a line that one of ours takes the place of.
inline constexpr std::string_view kWas = "# usher-was:";

enum class Mark {
  none,
  added,
  instead,  // of the line above, which begins with kWas
  changed,  // by somebody, since
};
// `content` with our mark behind it: added or instead.
std::string marked(const std::string& content, Mark mark = Mark::added);
Mark mark_of(std::string_view line);
inline bool is_ours(Mark mark) {
  return mark == Mark::added || mark == Mark::instead;
}
// What stands before the mark.
std::string_view unmarked(std::string_view line);

}  // namespace usher::containerd
