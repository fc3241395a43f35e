#include "containerd/install/edit.hpp"

#include <algorithm>
#include <cstdint>
#include <set>

#include "base/escape.hpp"
#include "containerd/install/lines.hpp"

namespace usher::containerd {
namespace {

std::string literal(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4U];
      out += kHex[static_cast<unsigned char>(c) & 0xfU];
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + "\"";
}

std::string literal(const Setting& setting) {
  if (const auto* flag = std::get_if<bool>(&setting.value)) {
    return *flag ? "true" : "false";
  }
  return literal(std::get<std::string>(setting.value));
}

bool is_it(const TomlLeaf& leaf, const Setting& setting) {
  const auto* flag = std::get_if<bool>(&setting.value);
  return flag != nullptr ? leaf.flag == *flag : leaf.text == std::get<std::string>(setting.value);
}

std::string written(const Setting& setting) {
  return setting.key + " = " + literal(setting);
}

std::string header(const KeyPath& table) {
  std::string out = "[";
  for (const auto& key : table) {
    const bool bare = key.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string::npos &&
                      !key.empty();
    out += (out.size() == 1 ? "" : ".") + (bare ? key : literal(key));
  }
  return out + "]";
}

KeyPath key_of(const Want& want) {
  KeyPath path = want.table;
  path.push_back(want.setting.key);
  return path;
}

// Does `after` hold what `before` holds, with `want` in it and nothing else changed?
bool differs_by(const TomlView& before, const TomlView& after, const Want& want, bool made) {
  std::map<KeyPath, std::string> expected;
  for (const auto& [path, leaf] : before.leaves) {
    expected[path] = leaf.value;
  }
  std::map<KeyPath, std::string> there;
  for (const auto& [path, leaf] : after.leaves) {
    there[path] = leaf.value;
  }
  const auto* now = after.leaf(key_of(want));
  if (now == nullptr || !is_it(*now, want.setting)) {
    return false;
  }
  expected.erase(key_of(want));
  there.erase(key_of(want));
  for (const auto& beside : made ? want.beside : std::vector<Setting>()) {
    KeyPath path = want.table;
    path.push_back(beside.key);
    const auto* leaf = after.leaf(path);
    if (leaf == nullptr || !is_it(*leaf, beside) || expected.contains(path)) {
      return false;
    }
    there.erase(path);
  }
  // Tables are only made on the way to what is wanted.
  for (const auto& [path, table] : after.tables) {
    const auto same = std::mismatch(path.begin(), path.end(), want.table.begin(), want.table.end());
    if (!before.tables.contains(path) && same.first != path.end()) {
      return false;
    }
  }
  return expected == there && std::ranges::all_of(before.tables, [&](const auto& entry) {
           return after.tables.contains(entry.first);
         });
}

std::string by_hand(std::string_view name, std::uint32_t line, const Want& want,
                    std::string_view why) {
  return escape(name) + ":" + std::to_string(line) + ": " + std::string(why) +
         "; write by hand: in the table " + to_string(want.table) +
         " the line: " + written(want.setting);
}

// Columns count characters.
std::size_t offset_of(std::string_view line, std::uint32_t column) {
  std::size_t at = 0;
  for (std::uint32_t passed = 1; passed < column && at < line.size(); ++passed) {
    do {
      ++at;
    } while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xc0U) == 0x80);
  }
  return at;
}

// The key is there on a line of its own: that line becomes a comment, and ours comes below it.
Result<std::string> replace_value(std::string_view text, std::string_view name, const Want& want,
                                  const TomlLeaf& leaf) {
  auto lines = split_lines(text);
  if (leaf.inlined) {
    return fail(by_hand(name, leaf.line, want, "is within an inline table ({ })"));
  }
  if (leaf.end_line != leaf.line || leaf.line == 0 || leaf.line > lines.size()) {
    return fail(by_hand(name, leaf.line, want, "the value goes over several lines"));
  }
  Line& old = lines[leaf.line - 1];
  const auto begin = offset_of(old.content, leaf.column);
  if (old.content.substr(0, begin).find('=') == std::string::npos) {
    return fail(by_hand(name, leaf.line, want, "this line is not of the form KEY = VALUE"));
  }
  const std::string content =
      std::string(trimmed_right(old.content.substr(0, begin))) + " " + literal(want.setting);
  Line ours{marked(content, Mark::instead), old.ending};
  old.content = std::string(kWas) + old.content;
  old.ending = old.ending.empty() ? usual_ending(text) : old.ending;
  lines.insert(lines.begin() + leaf.line, std::move(ours));
  return join_lines(lines);
}

// Below the table's own header.
std::string insert_at(std::string_view text, std::size_t index, const Setting& setting) {
  auto lines = split_lines(text);
  Line& head = lines[index];
  const auto indent = head.content.substr(0, head.content.find('['));
  Line ours{marked(std::string(indent) + "  " + written(setting)), head.ending};
  head.ending = head.ending.empty() ? usual_ending(text) : head.ending;
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(ours));
  return join_lines(lines);
}

std::string append_table(std::string_view text, const Want& want) {
  auto lines = split_lines(text);
  const std::string usual = usual_ending(text);
  std::string last = usual;
  if (!lines.empty()) {
    last = lines.back().ending;
    lines.back().ending = last.empty() ? usual : last;
  }
  lines.push_back({marked(header(want.table)), usual});
  for (const auto& beside : want.beside) {
    lines.push_back({marked("  " + written(beside)), usual});
  }
  lines.push_back({marked("  " + written(want.setting)), last.empty() ? "" : usual});
  return join_lines(lines);
}

bool is_header_of(std::string_view line, const KeyPath& table) {
  const auto view = view_toml(std::string(line) + "\n", "");
  return view && view->leaves.empty() && view->tables.contains(table) &&
         std::ranges::all_of(view->tables,
                             [&](const auto& entry) { return entry.first.size() <= table.size(); });
}

Result<std::string> set_key(std::string_view text, std::string_view name, const Want& want) {
  const auto before = view_toml(text, name);
  if (!before) {
    return std::unexpected(before.error());
  }
  const auto good = [&](const std::string& candidate, bool made) {
    const auto after = view_toml(candidate, name);
    return after && differs_by(*before, *after, want, made);
  };
  if (const auto* leaf = before->leaf(key_of(want))) {
    if (is_it(*leaf, want.setting)) {
      return std::string(text);
    }
    auto candidate = replace_value(text, name, want, *leaf);
    if (candidate && !good(*candidate, false)) {
      return fail(by_hand(name, leaf->line, want, "this line cannot be edited safely"));
    }
    return candidate;
  }
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto first = lines[i].content.find_first_not_of(" \t");
    if (first == std::string::npos || lines[i].content[first] != '[' ||
        !is_header_of(lines[i].content, want.table)) {
      continue;
    }
    if (auto candidate = insert_at(text, i, want.setting); good(candidate, false)) {
      return candidate;
    }
  }
  if (auto candidate = append_table(text, want); good(candidate, true)) {
    return candidate;
  }
  // The nearest table that is there, for a person to look at.
  std::uint32_t line = 1;
  for (KeyPath path = want.table; !path.empty(); path.pop_back()) {
    if (const auto found = before->tables.find(path); found != before->tables.end()) {
      line = found->second.line;
      break;
    }
  }
  return fail(by_hand(name, line, want, "this table is written in a form that cannot be extended"));
}

}  // namespace

Result<std::string> set_keys(std::string_view text, std::string_view name,
                             const std::vector<Want>& wants) {
  std::string out(text);
  for (const auto& want : wants) {
    auto next = set_key(out, name, want);
    if (!next) {
      return next;
    }
    out = std::move(*next);
  }
  return out;
}

std::string new_file(int version, const std::vector<Want>& wants) {
  std::string out = marked("version = " + std::to_string(version)) + "\n";
  for (const auto& want : wants) {
    out = append_table(out, want);
  }
  return out;
}

}  // namespace usher::containerd
