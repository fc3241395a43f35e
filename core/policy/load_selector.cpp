#include <array>

#include "base/escape.hpp"
#include "policy/load_parts.hpp"

namespace usher::policy {
namespace {

constexpr std::array<std::string_view, 9> kSelectKeys = {
    "all",    "namespaces",       "pod_labels", "pod_expressions", "containers",
    "images", "runtime_handlers", "runtimes",   "sandboxes"};
constexpr std::array<std::string_view, 3> kExpressionKeys = {"key", "operator", "values"};
constexpr std::array<std::string_view, 4> kOperators = {"In", "NotIn", "Exists", "DoesNotExist"};

std::vector<std::string> texts(TableReader& reader, std::string_view key) {
  std::vector<std::string> out;
  for (const PlacedString& item : reader.strings(key)) {
    if (item.text.empty()) {
      reader.error(item.at, std::string(key) + " has an empty string, which would match nothing");
    }
    out.push_back(item.text);
  }
  return out;
}

void read_labels(TableReader& reader, identity::Labels& labels) {
  const TomlTable* table = reader.table("pod_labels");
  if (table == nullptr) {
    return;
  }
  if (table->empty()) {
    reader.error(reader.at("pod_labels"), "pod_labels is empty: leave it out to take any pod");
  }
  for (const TomlEntry& entry : *table) {
    const auto* value = entry.value.as<std::string>();
    if (value != nullptr) {
      labels.emplace(entry.key, *value);
    } else if (entry.value.as<TomlTable>() != nullptr) {
      reader.error(entry.at, "the label " + escape(entry.key) +
                                 " is a table: put a label's key in quotes if it has dots, such as "
                                 "\"example.com/" +
                                 escape(entry.key) + "\" = \"value\"");
    } else {
      reader.error(entry.value.at, "the label " + escape(entry.key) + " is " +
                                       std::string(entry.value.type_name()) +
                                       ", expected a string");
    }
  }
}

Expression read_expression(const TomlValue& value, std::vector<Diagnostic>& errors) {
  TableReader reader(*value.as<TomlTable>(), value.at, "an item of pod_expressions",
                     kExpressionKeys, errors);
  Expression out;
  reader.required("key", "\"tier\"");
  reader.required("operator", "\"In\"");
  out.key = reader.string("key").value_or("");
  if (reader.has("key") && out.key.empty()) {
    reader.error(reader.at("key"), "a label's key is not empty");
  }
  const auto op = reader.choice("operator", kOperators);
  if (!op) {
    return out;
  }
  out.op = static_cast<Expression::Operator>(*op);
  const bool takes_values =
      out.op == Expression::Operator::in || out.op == Expression::Operator::not_in;
  if (takes_values) {
    reader.required("values", "[\"gold\"]");
    for (const PlacedString& item : reader.strings("values")) {
      out.values.push_back(item.text);
    }
  } else if (reader.has("values")) {
    reader.error(reader.at("values"), std::string(kOperators[*op]) +
                                          " takes no values: remove them, or use In or NotIn");
  }
  return out;
}

}  // namespace

Selector read_selector(const TomlTable& table, const Location& at,
                       std::vector<Diagnostic>& errors) {
  TableReader reader(table, at, "[select]", kSelectKeys, errors);
  const std::size_t errors_before = errors.size();
  Selector out;
  out.all = reader.boolean("all").value_or(false);
  out.namespaces = texts(reader, "namespaces");
  read_labels(reader, out.pod_labels);
  for (const TomlValue* item : reader.tables("pod_expressions")) {
    out.pod_expressions.push_back(read_expression(*item, errors));
  }
  out.containers = texts(reader, "containers");
  out.images = texts(reader, "images");
  out.runtime_handlers = texts(reader, "runtime_handlers");
  out.runtimes = texts(reader, "runtimes");
  out.sandboxes = reader.boolean("sandboxes").value_or(false);

  const bool narrows = out.needs_labels() || !out.namespaces.empty() || !out.containers.empty() ||
                       !out.images.empty() || !out.runtime_handlers.empty() ||
                       !out.runtimes.empty();
  if (out.all && narrows) {
    reader.error(reader.at("all"),
                 "all = true takes every workload, yet other keys narrow it: keep one of the two");
  } else if (!out.all && !narrows && errors.size() == errors_before) {
    reader.error(at,
                 "[select] selects nothing: say all = true to take every workload, or name "
                 "namespaces, pod_labels, …");
  }
  return out;
}

}  // namespace usher::policy
