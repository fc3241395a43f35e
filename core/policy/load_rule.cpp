#include <netinet/in.h>
#include <algorithm>
#include <array>

#include "base/escape.hpp"
#include "policy/address.hpp"
#include "policy/load_parts.hpp"
#include "policy/path_pattern.hpp"

namespace usher::policy {
namespace {

constexpr std::array<std::string_view, 10> kRuleKeys = {
    "name", "on", "paths", "except", "from", "to", "ports", "protocols", "action", "anonymous"};
constexpr std::array<std::string_view, kOperations> kOperationNames = {"exec", "read", "write",
                                                                       "connect", "bind"};
constexpr std::array<std::string_view, 4> kActions = {"allow", "audit", "deny", "kill"};
// Words that the format keeps for operations to come.
constexpr std::array<std::string_view, 9> kLater = {
    "capability", "mount", "ptrace", "module", "bpf", "signal", "setuid", "keyctl", "userns"};

std::optional<Operation> read_operation(TableReader& reader) {
  reader.required("on", "\"exec\"");
  const auto text = reader.string("on");
  if (text && std::ranges::find(kLater, *text) != kLater.end()) {
    reader.error(reader.at("on"), "rules on " + *text +
                                      " are not supported by this version: it takes exec, read, "
                                      "write, connect and bind");
    return std::nullopt;
  }
  const auto index = text ? reader.choice("on", kOperationNames) : std::nullopt;
  return index ? std::optional(static_cast<Operation>(*index)) : std::nullopt;
}

std::vector<PathPattern> read_paths(TableReader& reader, std::string_view key) {
  std::vector<PathPattern> out;
  for (const PlacedString& item : reader.strings(key)) {
    if (auto pattern = parse_path_pattern(item.text, key == "from")) {
      out.push_back(std::move(*pattern));
    } else {
      reader.error(item.at, std::string(key) + ": \"" + escape(item.text) +
                                "\": " + pattern.error().message);
    }
  }
  return out;
}

template <class T, class Parse>
std::vector<T> read_parsed(TableReader& reader, std::string_view key, Parse parse) {
  std::vector<T> out;
  for (const PlacedString& item : reader.strings(key)) {
    if (auto value = parse(item.text)) {
      out.push_back(*value);
    } else {
      reader.error(item.at,
                   std::string(key) + ": \"" + escape(item.text) + "\": " + value.error().message);
    }
  }
  return out;
}

Result<std::uint8_t> parse_protocol(std::string_view text) {
  if (text == "tcp") {
    return std::uint8_t{IPPROTO_TCP};
  }
  if (text == "udp") {
    return std::uint8_t{IPPROTO_UDP};
  }
  return fail("expected tcp or udp");
}

void refuse(TableReader& reader, std::string_view key, std::string_view on,
            std::string_view where) {
  if (reader.has(key)) {
    reader.error(reader.at(key), std::string(key) + " has no meaning on " + std::string(on) + ": " +
                                     std::string(where));
  }
}

void read_path_parts(TableReader& reader, Rule& rule) {
  const std::string_view on = operation_name(rule.on);
  for (const std::string_view key : {"to", "ports", "protocols"}) {
    refuse(reader, key, on, "it is for connect and bind; files are named by paths");
  }
  rule.paths = read_paths(reader, "paths");
  rule.except = read_paths(reader, "except");
  if (!rule.anonymous) {
    reader.required("paths", "[\"/bin/sh\", \"/usr/games/\"]");
  }
}

void read_socket_parts(TableReader& reader, Rule& rule) {
  const std::string_view on = operation_name(rule.on);
  refuse(reader, "paths", on,
         "sockets are named by to, ports and protocols; "
         "the program that acts by from");
  rule.to = read_parsed<AddressBlock>(reader, "to", parse_address_block);
  rule.except_to = read_parsed<AddressBlock>(reader, "except", parse_address_block);
  rule.ports = read_parsed<PortRange>(reader, "ports", parse_ports);
  rule.protocols = read_parsed<std::uint8_t>(reader, "protocols", parse_protocol);
}

void read_anonymous(TableReader& reader, Rule& rule) {
  rule.anonymous = reader.boolean("anonymous").value_or(false);
  if (!rule.anonymous) {
    return;
  }
  if (rule.on != Operation::exec || rule.action != Action::allow) {
    reader.error(reader.at("anonymous"),
                 "anonymous = true allows programs that have no name (memfd): it goes with "
                 "on = \"exec\" and action = \"allow\"; they are denied where exec is ruled and "
                 "nothing allows them");
  } else if (reader.has("from")) {
    reader.error(reader.at("anonymous"),
                 "anonymous = true holds whichever program acts: give it a rule without from");
  }
}

}  // namespace

bool is_plain_name(std::string_view name) {
  constexpr std::size_t kLongest = 253;  // a Kubernetes object's name
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

Rule read_rule(const TomlTable& table, const Location& at, std::size_t number,
               std::vector<Diagnostic>& errors) {
  TableReader reader(table, at, "[[rule]]", kRuleKeys, errors);
  Rule out;
  out.at = at;
  out.name = reader.string("name").value_or("rule-" + std::to_string(number));
  if (!is_plain_name(out.name)) {
    reader.error(reader.at("name"), "a rule's name has 1 to 253 letters, digits, - _ and .");
  } else if (out.name == "default") {
    reader.error(reader.at("name"), "the name default stands for [defaults]: choose another");
  }
  reader.required("action", "\"deny\"");
  if (const auto action = reader.choice("action", kActions)) {
    out.action = static_cast<Action>(*action);
  }
  const auto on = read_operation(reader);
  if (!on) {
    return out;
  }
  out.on = *on;
  read_anonymous(reader, out);
  if (is_socket(out.on)) {
    read_socket_parts(reader, out);
  } else {
    read_path_parts(reader, out);
  }
  out.from = read_paths(reader, "from");
  return out;
}

}  // namespace usher::policy
