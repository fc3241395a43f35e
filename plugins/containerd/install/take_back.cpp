// The way back of edit.cpp.
#include <algorithm>
#include <set>

#include "base/escape.hpp"
#include "containerd/install/edit.hpp"
#include "containerd/install/lines.hpp"

namespace usher::containerd {
namespace {

// The numbers, from 1, of lines that are ours before, and of those that came back after.
struct Touched {
  std::set<std::uint32_t> before;
  std::set<std::uint32_t> after;
};

bool is_header(std::string_view content) {
  return content.starts_with('[');
}

// Headers stay where `keep_headers`: somebody has written below one of ours.
std::string without_ours(const std::vector<Line>& lines, bool keep_headers, Touched& touched) {
  std::vector<Line> out;
  bool cut_end = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto number = static_cast<std::uint32_t>(i + 1);
    cut_end = false;
    const Mark mark = mark_of(lines[i].content);
    if (!is_ours(mark)) {
      out.push_back(lines[i]);
      continue;
    }
    touched.before.insert(number);
    if (keep_headers && is_header(lines[i].content)) {
      out.push_back({std::string(unmarked(lines[i].content)), lines[i].ending});
    } else if (mark == Mark::instead && i != 0 && lines[i - 1].content.starts_with(kWas)) {
      out.back() = {lines[i - 1].content.substr(kWas.size()), lines[i].ending};
      touched.after.insert(static_cast<std::uint32_t>(out.size()));
    } else {
      cut_end = lines[i].ending.empty();
    }
  }
  if (cut_end && !out.empty()) {
    out.back().ending.clear();
  }
  return join_lines(out);
}

// Are all keys of lines that are not ours the same in both?
bool keeps_the_rest(const TomlView& before, const TomlView& after, const Touched& touched) {
  const auto rest = [](const TomlView& view, const std::set<std::uint32_t>& lines) {
    std::map<KeyPath, std::string> out;
    for (const auto& [path, leaf] : view.leaves) {
      if (!lines.contains(leaf.line)) {
        out[path] = leaf.value;
      }
    }
    return out;
  };
  return rest(before, touched.before) == rest(after, touched.after) &&
         std::ranges::all_of(
             after.tables, [&](const auto& entry) { return before.tables.contains(entry.first); });
}

}  // namespace

Result<TakenBack> take_back(std::string_view text, std::string_view name) {
  TakenBack out;
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (mark_of(lines[i].content) == Mark::changed) {
      out.left.push_back(escape(name) + ":" + std::to_string(i + 1) +
                         ": a line of Usher's that was changed since: it stays");
    }
  }
  const auto before = view_toml(text, name);
  if (!before) {
    return std::unexpected(before.error());
  }
  for (const bool keep_headers : {false, true}) {
    Touched touched;
    out.text = without_ours(lines, keep_headers, touched);
    const auto after = view_toml(out.text, name);
    if (after && keeps_the_rest(*before, *after, touched)) {
      return out;
    }
  }
  return fail(escape(name) +
              ": Usher's lines (they end in \"# usher:\" or \"# usher-instead:\" and a number) "
              "cannot be taken out without "
              "changing others; take them out by hand");
}

}  // namespace usher::containerd
