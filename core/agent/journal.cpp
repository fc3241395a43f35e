#include "agent/journal.hpp"

#include <chrono>
#include <optional>

#include "agent/shown.hpp"

namespace usher::agent {

namespace {

LogLevel level_of(const v1::Event& event) {
  return event.severity() == "error"     ? LogLevel::error
         : event.severity() == "warning" ? LogLevel::warning
                                         : LogLevel::info;
}

std::string join(const google::protobuf::RepeatedPtrField<std::string>& words, char between) {
  std::string out;
  for (const auto& part : words) {
    if (!out.empty()) {
      out += between;
    }
    out += part;
  }
  return out;
}

LogFields fields_of(const v1::Event& event) {
  LogFields fields{{"event", event.type()}};
  const auto text = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) {
      fields.push_back({key, value});
    }
  };
  const auto number = [&](std::string_view key, std::uint64_t value) {
    if (value != 0) {
      fields.push_back({key, std::to_string(value)});
    }
  };
  text("namespace", event.pod_namespace());
  text("pod", event.pod_name());
  text("container", event.container_name());
  text("container_id", event.container_id());
  text("pod_uid", event.pod_uid());
  text("image", event.image());
  text("policy", event.policy());
  text("rule", event.rule());
  text("operation", event.operation());
  text("verdict", event.verdict());
  text("path", event.path());
  text("address", event.address());
  number("port", event.port());
  text("protocol", event.protocol());
  number("pid", event.pid());
  number("parent_pid", event.parent_pid());
  if (event.pid() != 0) {
    fields.push_back({"uid", std::to_string(event.uid())});
  }
  text("program", event.program());
  text("arguments", join(event.arguments(), ' '));
  number("suppressed", event.suppressed());
  text("flags", join(event.flags(), ','));
  return fields;
}

}  // namespace

void describe(const identity::Identity& who, v1::Event& event) {
  event.set_pod_namespace(cut(who.pod_namespace, kShownField));
  event.set_pod_name(cut(who.pod_name, kShownField));
  event.set_pod_uid(cut(who.pod_uid, kShownField));
  event.set_container_name(cut(who.container_name, kShownField));
  event.set_container_id(cut(who.container_id, kShownField));
  event.set_image(cut(who.image, kShownField));
}

void Journal::publish(v1::Event event) {
  log_.write(level_of(event), event.message(), fields_of(event));
  to_subscribers(std::move(event));
}

void Journal::to_subscribers(v1::Event event) {
  if (event.time_ns() == 0) {
    event.set_time_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count());
  }
  hub_.publish(event);
}

void Journal::adapter_said(LogLevel level, std::string_view adapter, std::string_view message) {
  const std::string name(adapter);
  const auto held =
      level < LogLevel::warning ? std::nullopt : adapter_events_.pass();  // an event, or none
  LogFields fields{{"adapter", name}};
  if (held) {
    fields.push_back({"event", "adapter"});
  }
  log_.write(level, message, fields);
  if (!held) {
    return;
  }
  v1::Event event;
  event.set_type("adapter");
  event.set_severity(std::string(word(level)));
  event.set_message(name + ": " + std::string(message));
  event.set_suppressed(*held);
  to_subscribers(std::move(event));
}

void Journal::tell(LogLevel level, std::string_view type, std::string_view message,
                   const identity::Identity* about) {
  v1::Event event;
  event.set_type(std::string(type));
  event.set_severity(std::string(word(level)));
  event.set_message(cut(message, kShownField));
  if (about != nullptr) {
    describe(*about, event);
  }
  publish(std::move(event));
}

}  // namespace usher::agent
