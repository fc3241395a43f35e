#include "containerd/install/toml_view.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <utility>

#include "base/escape.hpp"

#define USHER_TOML usher_containerd_toml
#include "install/checked_toml.hpp"

namespace usher::containerd {
namespace {

bool is_bare(const std::string& key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
  });
}

std::string formatted(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return out.str();
}

std::optional<std::vector<std::string>> texts_of(const toml::array& array) {
  std::vector<std::string> out;
  for (const auto& each : array) {
    const auto* text = each.as_string();
    if (text == nullptr) {
      return std::nullopt;
    }
    out.push_back(text->get());
  }
  return out;
}

TomlLeaf leaf_of(const toml::node& node, bool inlined) {
  TomlLeaf leaf;
  leaf.value = formatted(node);
  if (const auto* text = node.as_string()) {
    leaf.text = text->get();
  } else if (const auto* flag = node.as_boolean()) {
    leaf.flag = flag->get();
  } else if (const auto* integer = node.as_integer()) {
    leaf.integer = integer->get();
  } else if (const auto* array = node.as_array()) {
    leaf.texts = texts_of(*array);
  }
  const auto& at = node.source();
  leaf.line = at.begin.line;
  leaf.column = at.begin.column;
  leaf.end_line = at.end.line;
  leaf.inlined = inlined;
  return leaf;
}

// Depth is bounded by the parser.
void walk(const toml::table& table, KeyPath& path, bool inlined, TomlView& view) {
  for (const auto& [key, node] : table) {
    path.emplace_back(key.str());
    if (const auto* inner = node.as_table()) {
      const bool within = inlined || inner->is_inline();
      view.tables[path] = {inner->source().begin.line, within, inner->empty()};
      walk(*inner, path, within, view);
    } else {
      view.leaves[path] = leaf_of(node, inlined);
    }
    path.pop_back();
  }
}

}  // namespace

std::string to_string(const KeyPath& path) {
  std::string out;
  for (const auto& key : path) {
    out += out.empty() ? "" : ".";
    out += is_bare(key) ? key : "'" + escape(key) + "'";
  }
  return out;
}

const TomlLeaf* TomlView::leaf(const KeyPath& path) const {
  const auto found = leaves.find(path);
  return found == leaves.end() ? nullptr : &found->second;
}

Result<TomlView> view_toml(std::string_view text, std::string_view name) {
  const auto broken = [&](const toml::source_position& at, std::string_view why) {
    return fail(escape(name) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                    ": " + escape(why),
                EBADMSG);
  };
  try {
    TomlView view;
    KeyPath path;
    walk(toml::parse(text, name), path, false, view);
    return view;
  } catch (const toml::parse_error& error) {
    return broken(error.source().begin, error.description());
  } catch (const std::logic_error& error) {
    return broken({1, 1}, std::string(error.what()) + " in a key, a value or a table's name");
  }
}

}  // namespace usher::containerd
