#include "agent/agreement.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/escape.hpp"

namespace usher::agent {

namespace {

using identity::Identity;

constexpr std::size_t kShown = 80;

struct Part {
  const char* name;
  std::string Identity::* member;
};
constexpr std::array kParts{
    Part{"pod namespace", &Identity::pod_namespace},
    Part{"pod name", &Identity::pod_name},
    Part{"pod uid", &Identity::pod_uid},
    Part{"container name", &Identity::container_name},
    Part{"container id", &Identity::container_id},
    Part{"sandbox id", &Identity::sandbox_id},
    Part{"runtime handler", &Identity::runtime_handler},
};

std::string shown(std::string_view value) {
  return value.empty()
             ? "none"
             : "\"" + escape(value.substr(0, kShown)) + (value.size() > kShown ? "\" (cut)" : "\"");
}

std::string source(const std::string& source) {
  return source.empty() ? "no source given" : escape(source.substr(0, kShown));
}

std::unexpected<Error> differ(std::string_view what, const std::string& known,
                              const std::string& known_source, const std::string& other,
                              const std::string& other_source) {
  return fail(
      fmt::format("{} is {} by {}, but {} by {}: two records of one container disagree, "
                  "neither is believed",
                  what, shown(known), source(known_source), shown(other), source(other_source)));
}

Result<> same_labels(const Identity& known, const Identity& other) {
  if (!known.labels_known || !other.labels_known) {
    return {};
  }
  for (const auto& [a, b] : {std::pair(&known, &other), std::pair(&other, &known)}) {
    for (const auto& [key, value] : a->pod_labels) {
      const auto at = b->pod_labels.find(key);
      if (at == b->pod_labels.end() || at->second != value) {
        return differ("pod label " + shown(key), value, a->labels_source,
                      at == b->pod_labels.end() ? std::string() : at->second, b->labels_source);
      }
    }
  }
  return {};
}

void append_source(std::string& sources, const std::string& more) {
  if (!more.empty() && sources.find(more) == std::string::npos) {
    sources += (sources.empty() ? "" : ", ") + more;
  }
}

}  // namespace

Result<> same_identity(const Identity& known, const Identity& other) {
  for (const auto& part : kParts) {
    const auto& a = known.*part.member;
    const auto& b = other.*part.member;
    const bool must_say =
        part.member == &Identity::pod_namespace || part.member == &Identity::pod_name;
    const bool left_out = a.empty() || b.empty();
    if (a != b && (!left_out || (must_say && !known.is_sandbox && !other.is_sandbox))) {
      return differ(part.name, a, known.identity_source, b, other.identity_source);
    }
  }
  return same_labels(known, other);
}

bool learn(Identity& known, const Identity& other) {
  bool learned = false;
  const auto take = [&](std::string& to, const std::string& from) {
    if (to.empty() && !from.empty()) {
      to = from;
      learned = true;
    }
  };
  for (const auto& part : kParts) {
    take(known.*part.member, other.*part.member);
  }
  take(known.image, other.image);
  const auto no_longer = [&](bool& unknown, bool still) {
    learned = learned || (unknown && !still);
    unknown = unknown && still;
  };
  no_longer(known.record_unknown, other.record_unknown);
  no_longer(known.handler_unknown, other.handler_unknown && known.runtime_handler.empty());
  if (learned) {
    append_source(known.identity_source, other.identity_source);
  }
  if (!known.labels_known && other.labels_known) {
    known.labels_known = true;
    known.pod_labels = other.pod_labels;
    known.labels_source = other.labels_source;
    learned = true;
  }
  return learned;
}

}  // namespace usher::agent
