// The agent's messages as JSON (stable keys, docs/usherctl.md) and as words. Every byte that came
// from a container is escaped here: what these functions return can be printed.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "ctl/terminal.hpp"
#include "usher/v1/agent.pb.h"

namespace usher::ctl {

using Json = nlohmann::ordered_json;

Json to_json(const v1::Status& status);
Json to_json(const v1::Guest& guest);
Json to_json(const v1::Workload& workload);
Json to_json(const v1::Policy& policy);
Json to_json(const v1::Adapter& adapter);
Json to_json(const v1::ExplainResponse& answer);
Json to_json(const v1::Event& event);
Json to_json(const v1::ReloadResponse& answer);

// NAMESPACE/POD/CONTAINER, or the container's short id where there is no Kubernetes identity.
std::string workload_name(const v1::Workload& workload);
std::string workload_name(const v1::Event& event);
// One line of `status`.
std::string guest_line(const v1::Guest& guest, const Terminal& terminal);
// The first twelve characters of a container id.
std::string short_id(const std::string& id);
// A sentence of the agent's, in which it has escaped what came from containers already: only what
// would act on a terminal is escaped.
std::string sentence(std::string_view text);
// "2026-01-31 12:00:00", the machine's time zone; "-" for 0.
std::string local_time(std::int64_t seconds);
Colour colour_of_verdict(const std::string& verdict);

// Names joined by ", "; "-" when there are none. Escaped.
template <class Range>
std::string joined(const Range& names);

// One event on one line.
std::string event_line(const v1::Event& event, const Terminal& terminal);

// Pretty for people and `grep`, with whatever is not UTF-8 replaced (nothing should be).
std::string text_of(const Json& json, int indent = 2);

}  // namespace usher::ctl

#include "base/escape.hpp"

namespace usher::ctl {

template <class Range>
std::string joined(const Range& names) {
  std::string out;
  for (const auto& name : names) {
    out += (out.empty() ? "" : ", ") + escape(name);
  }
  return out.empty() ? "-" : out;
}

}  // namespace usher::ctl
