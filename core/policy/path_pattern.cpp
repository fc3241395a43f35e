#include "policy/path_pattern.hpp"

#include <algorithm>
#include <vector>

#include "base/escape.hpp"
#include "policy/keyed_hash.hpp"
#include "policy/merged.hpp"

namespace usher::policy {
namespace {

using Form = PathPattern::Form;

constexpr std::size_t kNameMax = 255;       // NAME_MAX of every file system
constexpr std::size_t kPrefixMax = 63;      // bits of a prefix set (usher_hash.h)
constexpr std::uint32_t kAllMerged = 0x3f;  // whatever the image, the rule must fit

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> out;
  for (auto name = take_component(path); !name.empty(); name = take_component(path)) {
    out.push_back(name);
  }
  return out;
}

// Without //, /./ and /../, as the kernel would resolve it where no link is on the way.
std::string normal_form(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const auto name : components(path)) {
    if (name == ".." && !kept.empty()) {
      kept.pop_back();
    } else if (name != "." && name != "..") {
      kept.push_back(name);
    }
  }
  std::string out;
  for (const auto name : kept) {
    out += "/" + std::string(name);
  }
  return out;
}

Result<> check_wildcards(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("*/")) {
    rest.remove_prefix(2);
  } else if (rest.ends_with('*')) {
    rest.remove_suffix(1);
  }
  if (rest.find('*') != std::string_view::npos) {
    return fail(R"(* stands only before a base name ("*/nc") or at the end of a name )"
                R"(("/usr/bin/python*"); write \\x2a for a star in a name)");
  }
  if (rest.find('?') != std::string_view::npos) {
    return fail(R"(? is no wildcard here; write \\x3f for a question mark in a name)");
  }
  return {};
}

Result<PathPattern> base_name(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    return fail(R"(after */ comes one name, without a slash, such as "*/nc")");
  }
  return PathPattern{Form::base, name};
}

Result<> check_depth(const PathPattern& pattern, bool from) {
  const bool program_tree = from && pattern.form == Form::tree;
  std::size_t limit = program_tree ? USHER_PROGRAM_DEPTH : USHER_MAX_DEPTH;
  std::string why;
  if (begins_merged(pattern.path, kAllMerged)) {
    --limit;  // /bin/x is read as /usr/bin/x where the image merges them
    why = " below /" + std::string(components(pattern.path)[0]);
  }
  if (components(pattern.path).size() > limit) {
    return fail(std::string(program_tree ? "a directory in `from`" : "a path") +
                " can be at most " + std::to_string(limit) + " names deep" + why +
                ": name a directory nearer the root");
  }
  return {};
}

}  // namespace

Result<PathPattern> parse_path_pattern(std::string_view text, bool from) {
  if (auto ok = check_wildcards(text); !ok) {
    return std::unexpected(ok.error());
  }
  const bool base = text.starts_with("*/");
  const bool prefix = !base && text.ends_with('*');
  const auto bytes = unescape(base     ? text.substr(2)
                              : prefix ? text.substr(0, text.size() - 1)
                                       : text);
  if (!bytes) {
    return fail(bytes.error().message + R"( (in TOML: "\\x20" or '\x20'))");
  }
  if (bytes->find('\0') != std::string::npos) {
    return fail("a path has no NUL byte");
  }
  for (const auto name : components(*bytes)) {
    if (name.size() > kNameMax) {
      return fail("a name of " + std::to_string(name.size()) +
                  " bytes can never match: no file system has names above 255");
    }
  }
  if (base) {
    return base_name(*bytes);
  }
  if (!bytes->starts_with('/')) {
    return fail(text == "*"      ? "write / for every path"
                : bytes->empty() ? "a path is empty"
                                 : "a path begins with / (or with */ for a name in any directory)");
  }
  PathPattern out;
  out.form = prefix ? Form::prefix : bytes->ends_with('/') ? Form::tree : Form::exact;
  if (prefix && bytes->ends_with('/')) {
    return fail("write " + escape(*bytes) + " for a directory with all in it; a * needs the " +
                "beginning of a name before it");
  }
  if (prefix && from) {
    return fail("`from` takes programs, directories and base names, no prefix");
  }
  const bool tree = out.form == Form::tree;
  out.path = tree ? bytes->substr(0, bytes->size() - 1) : *bytes;
  // The beginning of a name may well be "." or "..": only the directory before it is judged.
  const std::size_t end = prefix ? out.path.rfind('/') : out.path.size();
  if (const std::string normal = normal_form(out.path.substr(0, end));
      normal != out.path.substr(0, end)) {
    const PathPattern meant{normal.empty() && !prefix ? Form::tree : out.form,
                            normal + out.path.substr(end)};
    return fail("the path is not normalised: write " + to_string(meant));
  }
  if (prefix && out.path.size() - out.path.rfind('/') - 1 > kPrefixMax) {
    return fail("a prefix has at most 63 bytes");
  }
  if (auto ok = check_depth(out, from); !ok) {
    return std::unexpected(ok.error());
  }
  return out;
}

std::string to_string(const PathPattern& pattern) {
  // A star in a name must come back as a name.
  std::string shown;
  for (const char c : escape(pattern.path)) {
    shown += c == '*' ? "\\x2a" : c == '?' ? "\\x3f" : std::string(1, c);
  }
  switch (pattern.form) {
    case Form::exact:
      return shown;
    case Form::tree:
      return shown + "/";
    case Form::base:
      return "*/" + shown;
    case Form::prefix:
      return shown + "*";
  }
  return shown;
}

}  // namespace usher::policy
