#include "adapter/convert.hpp"

#include <tuple>
#include <utility>

#include "base/escape.hpp"

namespace usher::adapter {
namespace {

constexpr std::size_t kMaxLabels = 4096;
constexpr std::size_t kMaxLabelBytes = 1U << 20;
constexpr std::uint64_t kWild = 1U << 20;
constexpr std::int64_t kMaxPid = 1 << 22;  // the kernel's own limit on 64-bit machines

Misuse wild(std::string_view what, std::uint64_t size, std::uint64_t limit) {
  return {Count::wild_lengths, "gave " + std::string(what) + " of " + std::to_string(size) +
                                   "; at most " + std::to_string(limit) + " is taken"};
}

Misuse null(std::string_view what) {
  return {Count::null_members, "gave " + std::string(what) + " as a null pointer"};
}

Misuse bad(std::string what) {
  return {Count::bad_values, std::move(what)};
}

std::optional<Misuse> take_labels(const usher_identity& from, identity::Labels& to) {
  if (from.pod_label_count > kMaxLabels) {
    return wild("pod_label_count", from.pod_label_count, kMaxLabels);
  }
  if (from.pod_label_count != 0 && from.pod_labels == nullptr) {
    return null("pod_labels");
  }
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < from.pod_label_count; ++i) {
    auto key = take_text(from.pod_labels[i].key, "a label's key");
    auto value = take_text(from.pod_labels[i].value, "a label's value");
    if (!key || !value) {
      return key ? value.error() : key.error();
    }
    bytes += key->size() + value->size();
    if (bytes > kMaxLabelBytes) {
      return wild("labels", bytes, kMaxLabelBytes);
    }
    const std::string name = *key;
    if (!to.emplace(std::move(*key), std::move(*value)).second) {
      return bad("named label " + escape(name) + " twice");
    }
  }
  return std::nullopt;
}

}  // namespace

Checked<std::string> take_text(usher_string s, std::string_view what, std::size_t limit) {
  if (s.size > limit) {
    return std::unexpected(wild(what, s.size, limit));
  }
  if (s.size != 0 && s.data == nullptr) {
    return std::unexpected(null(what));
  }
  return s.size == 0 ? std::string() : std::string(s.data, s.size);
}

Checked<std::string> take_words(usher_string s, std::string_view what, std::size_t limit) {
  if (s.size > kWild) {
    return std::unexpected(wild(what, s.size, kWild));
  }
  s.size = std::min<std::uint64_t>(s.size, limit);
  return take_text(s, what, limit);
}

std::string shown(std::string_view message) {
  std::string out;
  for (;;) {
    const auto backslash = message.find('\\');
    out += escape(message.substr(0, backslash));
    if (backslash == std::string_view::npos) {
      return out;
    }
    out += '\\';
    message.remove_prefix(backslash + 1);
  }
}

Error ErrorSlot::take() const {
  const auto length = std::min<std::uint64_t>(error_.length, text_.size());
  Error out{shown({text_.data(), length}), error_.code};
  if (out.message.empty()) {
    out.message = "the adapter gave no reason";
  }
  return out;
}

Checked<Error> error_of(const usher_error* error) {
  if (error == nullptr) {
    return Error{"the adapter gave no reason", 0};
  }
  const auto from = read_sized(error, "usher_error");
  if (!from) {
    return std::unexpected(from.error());
  }
  const auto message = take_words({from->message, from->length}, "an error's message", 2048);
  if (!message) {
    return std::unexpected(message.error());
  }
  return Error{message->empty() ? "the adapter gave no reason" : shown(*message), from->code};
}

void write_error(usher_error* to, const Error& error) {
  if (to == nullptr || to->size < kFirstSize<usher_error> || to->message == nullptr) {
    return;
  }
  to->code = error.code;
  to->length = std::min<std::uint64_t>(error.message.size(), to->capacity);
  std::memcpy(to->message, error.message.data(), to->length);
}

RawSettings::RawSettings(const Config& config) {
  items_.reserve(config.size());
  for (const auto& [key, value] : config) {
    usher_setting item{};
    item.size = sizeof item;
    item.key = raw(key);
    if (const auto* text = std::get_if<std::string>(&value)) {
      item.type = USHER_VALUE_STRING;
      item.string = raw(*text);
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      item.type = USHER_VALUE_INTEGER;
      item.integer = *integer;
    } else if (const auto* real = std::get_if<double>(&value)) {
      item.type = USHER_VALUE_REAL;
      item.real = *real;
    } else if (const auto* boolean = std::get_if<bool>(&value)) {
      item.type = USHER_VALUE_BOOLEAN;
      item.integer = *boolean ? 1 : 0;
    } else {
      auto& list = lists_.emplace_back();
      for (const auto& entry : std::get<std::vector<std::string>>(value)) {
        list.push_back(raw(entry));
      }
      item.type = USHER_VALUE_LIST;
      item.list = list.data();
      item.list_count = list.size();
    }
    items_.push_back(item);
    pointers_.push_back(&items_.back());
  }
  settings_ = {sizeof settings_, 0, pointers_.data(), pointers_.size()};
}

Checked<identity::Identity> identity_of(const usher_identity* given) {
  const auto read = read_sized(given, "usher_identity");
  if (!read) {
    return std::unexpected(read.error());
  }
  const usher_identity& from = *read;
  identity::Identity to;
  if ((from.flags & ~(USHER_IDENTITY_SANDBOX | USHER_IDENTITY_LABELS_KNOWN | USHER_IDENTITY_GUEST |
                      USHER_IDENTITY_HOST_ROOT)) != 0) {
    return std::unexpected(bad("set identity flags that this agent does not know: update usherd"));
  }
  if ((from.unknown & ~(USHER_UNKNOWN_HANDLER | USHER_UNKNOWN_RECORD)) != 0) {
    return std::unexpected(
        bad("left a part of an identity unknown that this agent does not know: update usherd"));
  }
  to.handler_unknown = (from.unknown & USHER_UNKNOWN_HANDLER) != 0;
  to.record_unknown = (from.unknown & USHER_UNKNOWN_RECORD) != 0;
  to.is_sandbox = (from.flags & USHER_IDENTITY_SANDBOX) != 0;
  to.labels_known = (from.flags & USHER_IDENTITY_LABELS_KNOWN) != 0;
  to.guest = (from.flags & USHER_IDENTITY_GUEST) != 0;
  to.host_root = (from.flags & USHER_IDENTITY_HOST_ROOT) != 0;
  const std::tuple<usher_string, const char*, std::string*> texts[] = {
      {from.pod_namespace, "pod_namespace", &to.pod_namespace},
      {from.pod_name, "pod_name", &to.pod_name},
      {from.pod_uid, "pod_uid", &to.pod_uid},
      {from.container_name, "container_name", &to.container_name},
      {from.container_id, "container_id", &to.container_id},
      {from.sandbox_id, "sandbox_id", &to.sandbox_id},
      {from.image, "image", &to.image},
      {from.runtime_handler, "runtime_handler", &to.runtime_handler},
      {from.identity_source, "identity_source", &to.identity_source},
      {from.labels_source, "labels_source", &to.labels_source},
  };
  for (const auto& [text, name, target] : texts) {
    auto taken = take_text(text, name);
    if (!taken) {
      return std::unexpected(taken.error());
    }
    *target = std::move(*taken);
  }
  if (auto misuse = take_labels(from, to.pod_labels)) {
    return std::unexpected(std::move(*misuse));
  }
  return to;
}

RawIdentity::RawIdentity(const identity::Identity& from) {
  labels_.reserve(from.pod_labels.size());
  for (const auto& [key, value] : from.pod_labels) {
    labels_.push_back({raw(key), raw(value)});
  }
  raw_.size = sizeof raw_;
  raw_.flags = (from.is_sandbox ? USHER_IDENTITY_SANDBOX : 0U) |
               (from.labels_known ? USHER_IDENTITY_LABELS_KNOWN : 0U) |
               (from.guest ? USHER_IDENTITY_GUEST : 0U) |
               (from.host_root ? USHER_IDENTITY_HOST_ROOT : 0U);
  raw_.pod_namespace = raw(from.pod_namespace);
  raw_.pod_name = raw(from.pod_name);
  raw_.pod_uid = raw(from.pod_uid);
  raw_.container_name = raw(from.container_name);
  raw_.container_id = raw(from.container_id);
  raw_.sandbox_id = raw(from.sandbox_id);
  raw_.image = raw(from.image);
  raw_.runtime_handler = raw(from.runtime_handler);
  raw_.pod_labels = labels_.data();
  raw_.pod_label_count = labels_.size();
  raw_.identity_source = raw(from.identity_source);
  raw_.labels_source = raw(from.labels_source);
  raw_.unknown = (from.handler_unknown ? USHER_UNKNOWN_HANDLER : 0U) |
                 (from.record_unknown ? USHER_UNKNOWN_RECORD : 0U);
}

RawGuestPolicies::RawGuestPolicies(const GuestPolicies& from) {
  items_.reserve(from.items.size());
  for (const auto& policy : from.items) {
    items_.push_back({sizeof(usher_guest_policy), 0, raw(policy.name), raw(policy.text)});
    pointers_.push_back(&items_.back());
  }
  raw_ = {sizeof raw_, 0, from.generation, pointers_.data(), pointers_.size()};
}

namespace {

// What the flags of 1.2 ask of an event.
std::optional<Misuse> check_place(AdapterEvent& event) {
  using Kind = AdapterEvent::Kind;
  const auto& who = event.identity;
  if (who.guest && who.host_root) {
    return bad("published an identity that is a guest's and lives in the host's root");
  }
  if (who.guest) {  // not read, whatever they say
    event.cgroup_path.clear();
    event.pid = 0;
  }
  if (!who.host_root || event.kind == Kind::container_gone) {
    return std::nullopt;
  }
  if (event.kind != Kind::container_running) {
    return bad("published USHER_IDENTITY_HOST_ROOT with another kind than CONTAINER_RUNNING");
  }
  if (event.pid == 0 || !event.cgroup_path.empty()) {
    return bad("published USHER_IDENTITY_HOST_ROOT without a pid, or with a cgroup_path");
  }
  return std::nullopt;
}

}  // namespace

Checked<AdapterEvent> event_of(const usher_event* given) {
  using Kind = AdapterEvent::Kind;
  const auto from = read_sized(given, "usher_event");
  if (!from) {
    return std::unexpected(from.error());
  }
  if (from->kind < USHER_EVENT_SANDBOX_STARTING || from->kind > USHER_EVENT_LISTING) {
    return std::unexpected(
        bad("published event kind " + std::to_string(from->kind) + ", which is not known here"));
  }
  if (from->pid < 0 || from->pid > kMaxPid) {
    return std::unexpected(bad("published pid " + std::to_string(from->pid) + ", which cannot be"));
  }
  auto runtime = take_text(from->runtime, "an event's runtime", 64);
  auto cgroup_path = take_text(from->cgroup_path, "cgroup_path", 4096);
  if (!runtime || !cgroup_path) {
    return std::unexpected(runtime ? cgroup_path.error() : runtime.error());
  }
  AdapterEvent event{.kind = static_cast<Kind>(from->kind - USHER_EVENT_SANDBOX_STARTING),
                     .adapter = {},
                     .runtime = std::move(*runtime),
                     .identity = {},
                     .cgroup_path = std::move(*cgroup_path),
                     .pid = static_cast<int>(from->pid),
                     .done = {}};
  if (event.kind == Kind::synced || event.kind == Kind::listing) {
    if (from->identity != nullptr) {
      return std::unexpected(bad("published an identity with synced or listing"));
    }
    return event;
  }
  auto who = identity_of(from->identity);
  if (!who) {
    return std::unexpected(std::move(who.error()));
  }
  event.identity = std::move(*who);
  if (auto misuse = check_place(event)) {
    return std::unexpected(std::move(*misuse));
  }
  const bool of_sandbox = event.kind == Kind::sandbox_starting || event.kind == Kind::sandbox_gone;
  if (event.identity.container_id.empty() && !(of_sandbox && !event.identity.sandbox_id.empty())) {
    return std::unexpected(bad(of_sandbox
                                   ? "published a sandbox without sandbox_id and container_id"
                                   : "published a container without container_id"));
  }
  return event;
}

std::size_t weight_of(const AdapterEvent& event) {
  const auto& who = event.identity;
  std::size_t bytes = sizeof event + event.runtime.size() + event.cgroup_path.size();
  for (const auto* text : {&who.pod_namespace, &who.pod_name, &who.pod_uid, &who.container_name,
                           &who.container_id, &who.sandbox_id, &who.image, &who.runtime_handler,
                           &who.identity_source, &who.labels_source}) {
    bytes += text->size();
  }
  for (const auto& [key, value] : who.pod_labels) {
    bytes += key.size() + value.size() + 96;  // a node of the map
  }
  return bytes;
}

}  // namespace usher::adapter
