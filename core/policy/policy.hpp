// Policies as values: what a person wrote, parsed and checked, and what is compiled from it.
// Everything in policy/ is pure: no clock, no files (but load.hpp's directory reader), no kernel.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/identity.hpp"
#include "usher_bpf.h"

namespace usher::policy {

enum class Operation : std::uint8_t {
  exec = USHER_EXEC,
  read = USHER_READ,
  write = USHER_WRITE,
  connect = USHER_CONNECT,
  bind = USHER_BIND,
};
constexpr std::size_t kOperations = USHER_KINDS;

std::string_view operation_name(Operation on);
constexpr bool is_socket(Operation on) {
  return on == Operation::connect || on == Operation::bind;
}

enum class Action : std::uint8_t { allow, audit, deny, kill };
enum class Mode : std::uint8_t { enforce, audit };

// Where something stands in a policy file; line and column from 1, 0 = the whole file.
struct Location {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Diagnostic {
  Location at;
  std::string message;  // what is wrong, what was expected
  bool warning = false;
  std::string text() const;  // file:line:column: message
};

// A path pattern, unescaped bytes, absolute and normalised but for the base form.
struct PathPattern {
  enum class Form : std::uint8_t { exact, tree, base, prefix };
  Form form = Form::exact;
  std::string path;  // exact: /a/b  tree: /a/b (no trailing slash; "/" is "")  base: nc
                     // prefix: /a/b where the last component is the beginning of a name
  bool operator==(const PathPattern&) const = default;
};

struct AddressBlock {
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 in the first four
  std::uint8_t length = 0;
  bool v6 = false;
  bool operator==(const AddressBlock&) const = default;
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  bool operator==(const PortRange&) const = default;
};

struct Rule {
  std::string name;  // unique in its policy; "rule-N" where the author gave none
  Operation on = Operation::exec;
  Action action = Action::deny;
  std::vector<PathPattern> paths;  // exec, read, write
  std::vector<PathPattern> except;
  std::vector<PathPattern> from;  // exact, tree or base; empty = any program
  std::vector<AddressBlock> to;   // connect, bind; empty = any address
  std::vector<AddressBlock> except_to;
  std::vector<PortRange> ports;         // empty = any
  std::vector<std::uint8_t> protocols;  // IPPROTO_TCP, IPPROTO_UDP; empty = any
  bool anonymous = false;               // exec, allow: programs without a name (memfd) too
  Location at;
};

struct Expression {
  enum class Operator : std::uint8_t { in, not_in, exists, does_not_exist };
  std::string key;
  Operator op = Operator::in;
  std::vector<std::string> values;
};

struct Selector {
  bool all = false;
  std::vector<std::string> namespaces;  // globs: * and ?
  identity::Labels pod_labels;
  std::vector<Expression> pod_expressions;
  std::vector<std::string> containers;  // globs
  std::vector<std::string> images;      // globs; * matches / too
  std::vector<std::string> runtime_handlers;
  std::vector<std::string> runtimes;  // "cri-o", "podman", … as the hook names them
  bool sandboxes = false;             // pods' sandbox (pause) containers are taken in
  bool needs_labels() const { return !pod_labels.empty() || !pod_expressions.empty(); }
};

struct Policy {
  std::string name;
  Mode mode = Mode::enforce;
  bool ceiling = false;
  bool degrade = false;  // on a kernel that cannot carry it: taken in audit, and shown so
  Selector select;
  std::array<std::optional<Action>, kOperations> defaults;  // allow or deny; not given = allow
  std::vector<Rule> rules;
  Location at;
  std::string source;  // the file's bytes, kept as the last good version
};

// A set that was loaded together; immutable, shared by everything compiled from it.
struct PolicySet {
  std::vector<std::shared_ptr<const Policy>> policies;  // by name
};

// The policies that apply to one workload, in order of name: what is compiled into a profile.
struct RuleSet {
  std::vector<std::shared_ptr<const Policy>> policies;
  bool operator==(const RuleSet&) const = default;  // same policy objects
};

}  // namespace usher::policy
