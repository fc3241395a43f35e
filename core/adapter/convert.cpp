#include "adapter/convert.hpp"

#include <utility>

#include "base/escape.hpp"

namespace usher::adapter {
namespace {

constexpr std::size_t kMaxText = 1U << 16;
constexpr std::size_t kMaxLabels = 4096;

Result<> take(usher_string from, std::string_view name, std::string& to) {
  if (from.size > kMaxText) {
    return fail(std::string(name) + " is longer than " + std::to_string(kMaxText) + " bytes");
  }
  to = text_of(from);
  return {};
}

Result<> take_labels(const usher_identity& from, identity::Labels& to) {
  if (from.pod_label_count > kMaxLabels ||
      (from.pod_label_count != 0 && from.pod_labels == nullptr)) {
    return fail("pod_labels holds " + std::to_string(from.pod_label_count) + " labels; at most " +
                std::to_string(kMaxLabels) + " are taken");
  }
  for (std::uint64_t i = 0; i < from.pod_label_count; ++i) {
    std::string key;
    std::string value;
    auto good = take(from.pod_labels[i].key, "a label's key", key);
    good = good ? take(from.pod_labels[i].value, "a label's value", value) : good;
    if (!good) {
      return good;
    }
    const std::string name = key;
    if (!to.emplace(std::move(key), std::move(value)).second) {
      return fail("label " + escape(name) + " is there twice");
    }
  }
  return {};
}

}  // namespace

std::string text_of(usher_string s, std::size_t limit) {
  return s.data == nullptr ? std::string()
                           : std::string(s.data, std::min<std::size_t>(s.size, limit));
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
  return error_of(&error_);
}

Error error_of(const usher_error* error) {
  const usher_error from = read_sized(error);
  const std::size_t length = std::min(from.length, from.capacity);
  Error out{shown(text_of({from.message, length})), from.code};
  if (out.message.empty()) {
    out.message = "the adapter gave no reason";
  }
  return out;
}

void write_error(usher_error* to, const Error& error) {
  if (to == nullptr || to->size < sizeof(usher_error) || to->message == nullptr) {
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

Result<identity::Identity> identity_of(const usher_identity& given) {
  const usher_identity from = read_sized(&given);
  identity::Identity to;
  if ((from.flags & ~(USHER_IDENTITY_SANDBOX | USHER_IDENTITY_LABELS_KNOWN)) != 0) {
    return fail("the identity has flags that this agent does not know; update usherd");
  }
  to.is_sandbox = (from.flags & USHER_IDENTITY_SANDBOX) != 0;
  to.labels_known = (from.flags & USHER_IDENTITY_LABELS_KNOWN) != 0;
  const std::pair<usher_string, std::pair<const char*, std::string*>> texts[] = {
      {from.pod_namespace, {"pod_namespace", &to.pod_namespace}},
      {from.pod_name, {"pod_name", &to.pod_name}},
      {from.pod_uid, {"pod_uid", &to.pod_uid}},
      {from.container_name, {"container_name", &to.container_name}},
      {from.container_id, {"container_id", &to.container_id}},
      {from.sandbox_id, {"sandbox_id", &to.sandbox_id}},
      {from.image, {"image", &to.image}},
      {from.runtime_handler, {"runtime_handler", &to.runtime_handler}},
      {from.identity_source, {"identity_source", &to.identity_source}},
      {from.labels_source, {"labels_source", &to.labels_source}},
  };
  for (const auto& [text, target] : texts) {
    if (auto good = take(text, target.first, *target.second); !good) {
      return std::unexpected(std::move(good.error()));
    }
  }
  if (auto good = take_labels(from, to.pod_labels); !good) {
    return std::unexpected(std::move(good.error()));
  }
  return to;
}

}  // namespace usher::adapter
