#include "policy/toml_value.hpp"

#include <stdexcept>

#define TOML_EXCEPTIONS 1
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
// Version 3.3 asserts what a file's author can break ("[^]"), and *assumes* it where NDEBUG is set.
// Here both become an exception that parse_toml reports. The namespace is renamed, so that no other
// inclusion of the library's inline functions is linked in the place of these.
#define toml usher_policy_toml
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSERT
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT(condition) \
  static_cast<void>((condition) || (throw std::logic_error("unexpected character"), true))
#define TOML_ASSERT_ASSUME(condition) TOML_ASSERT(condition)
#include <toml++/toml.h>

namespace usher::policy {
namespace {

Location location(const toml::source_region& region, const std::string& file) {
  return {file, static_cast<std::uint32_t>(region.begin.line),
          static_cast<std::uint32_t>(region.begin.column)};
}

TomlValue convert(const toml::node& node, const std::string& file);

TomlTable convert_table(const toml::table& table, const std::string& file) {
  TomlTable out;
  for (const auto& [key, node] : table) {
    out.push_back({std::string(key.str()), location(key.source(), file), convert(node, file)});
  }
  return out;
}

TomlValue convert(const toml::node& node, const std::string& file) {
  TomlValue out{location(node.source(), file), TomlOther{}};
  switch (node.type()) {
    case toml::node_type::string:
      out.value = node.as_string()->get();
      break;
    case toml::node_type::integer:
      out.value = node.as_integer()->get();
      break;
    case toml::node_type::boolean:
      out.value = node.as_boolean()->get();
      break;
    case toml::node_type::table:
      out.value = convert_table(*node.as_table(), file);
      break;
    case toml::node_type::array: {
      TomlArray items;
      for (const toml::node& item : *node.as_array()) {
        items.push_back(convert(item, file));
      }
      out.value = std::move(items);
      break;
    }
    case toml::node_type::floating_point:
      out.value = TomlOther{"a floating-point number"};
      break;
    default:
      out.value = TomlOther{"a date or time"};
  }
  return out;
}

}  // namespace

std::string_view TomlValue::type_name() const {
  constexpr std::array<std::string_view, 6> kNames = {"",          "a string", "an integer",
                                                      "a boolean", "a list",   "a table"};
  const auto* other = as<TomlOther>();
  return other != nullptr ? other->type : kNames[value.index()];
}

std::expected<TomlTable, Diagnostic> parse_toml(std::string_view text, const std::string& file) {
  const auto broken = [](Location at, std::string_view why) {
    return std::unexpected(
        Diagnostic{std::move(at), "this is not valid TOML: " + std::string(why), false});
  };
  try {
    return convert_table(toml::parse(text, file), file);
  } catch (const toml::parse_error& error) {
    return broken(location(error.source(), file), error.description());
  } catch (const std::logic_error& error) {
    return broken({file, 1, 1}, std::string(error.what()) + " in a key, a value or a table's name");
  }
}

}  // namespace usher::policy
