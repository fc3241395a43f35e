#include "cri/records.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/escape.hpp"
#include "cri/cri.pb.h"

namespace usher::cri {
namespace {

constexpr std::size_t kMaxProblems = 16;
constexpr int kMaxPid = 1 << 22;

// The labels that the kubelet adds to a pod's own, of what the metadata says already.
constexpr std::string_view kAdded[] = {"io.kubernetes.pod.name", "io.kubernetes.pod.namespace",
                                       "io.kubernetes.pod.uid"};

template <class Message>
Result<Message> parse(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail("the runtime's answer is no message of its kind", EPROTO);
  }
  return message;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80           ? 1
                               : (lead >> 5) == 0x6  ? 2
                               : (lead >> 4) == 0xe  ? 3
                               : (lead >> 3) == 0x1e ? 4
                                                     : 0;
    if (length == 0 || i + length > text.size()) {
      return false;
    }
    std::uint32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) {
        return false;
      }
      point = point << 6 | (next & 0x3fU);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      return false;
    }
    i += length;
  }
  return true;
}

std::string shown(std::string_view value) {
  constexpr std::size_t kShown = 80;
  return "\"" + escape(value.substr(0, kShown)) + (value.size() > kShown ? "…\"" : "\"");
}

// A name of Kubernetes or an id of a runtime: no space, control, '/' or what a shell would mind.
Result<std::string> name(std::string_view what, const std::string& value, std::size_t limit,
                         bool required) {
  const bool plain = std::ranges::all_of(
      value, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '\\' && c != '"'; });
  if (value.size() > limit || !plain || (required && value.empty())) {
    return fail(std::string(what) + " is " + shown(value) + ", which is not a name (1 to " +
                std::to_string(limit) + " plain characters)");
  }
  return value;
}

template <class Entries>
Result<Labels> labels(const Entries& entries) {
  Labels out;
  std::size_t bytes = 0;
  for (const auto& entry : entries) {
    const std::string& key = entry.key();
    const std::string& value = entry.value();
    bytes += key.size() + value.size();
    if (bytes > kMaxLabelBytes) {
      return fail("its labels are longer than " + std::to_string(kMaxLabelBytes) + " bytes");
    }
    for (const auto* text : {&key, &value}) {
      if (!is_utf8(*text) || text->find('\0') != std::string::npos) {
        return fail("label " + shown(key) + " holds bytes that are no text: " + shown(*text));
      }
    }
    if (key.empty()) {
      return fail("it has a label without a key");
    }
    if (std::ranges::find(kAdded, key) != std::end(kAdded)) {
      continue;
    }
    if (!out.emplace(key, value).second) {
      return fail("label " + shown(key) + " is there twice");
    }
  }
  return out;
}

template <class Message>
Result<Sandbox> sandbox(const Message& from) {
  Sandbox to;
  const auto& meta = from.metadata();
  const std::tuple<const char*, const std::string*, std::size_t, bool, std::string*> texts[] = {
      {"the sandbox's id", &from.id(), kMaxId, true, &to.id},
      {"the pod's namespace", &meta.namespace_(), kMaxName, true, &to.pod_namespace},
      {"the pod's name", &meta.name(), kMaxName, true, &to.pod_name},
      {"the pod's uid", &meta.uid(), kMaxName, false, &to.pod_uid},
      {"the runtime handler", &from.runtime_handler(), kMaxName, false, &to.runtime_handler}};
  for (const auto& [what, value, limit, required, target] : texts) {
    auto good = name(what, *value, limit, required);
    if (!good) {
      return std::unexpected(good.error());
    }
    *target = std::move(*good);
  }
  to.ready = from.state() == 0;
  auto found = labels(from.labels());
  if (found) {
    to.labels = std::move(*found);
  } else {
    to.labels_problem = found.error().message;
  }
  return to;
}

Result<Container> container(const v1::Container& from) {
  Container to;
  const std::tuple<const char*, const std::string*, std::size_t, std::string*> texts[] = {
      {"the container's id", &from.id(), kMaxId, &to.id},
      {"its sandbox's id", &from.pod_sandbox_id(), kMaxId, &to.sandbox_id},
      {"the container's name", &from.metadata().name(), kMaxName, &to.name}};
  for (const auto& [what, value, limit, target] : texts) {
    auto good = name(what, *value, limit, true);
    if (!good) {
      return std::unexpected(good.error());
    }
    *target = std::move(*good);
  }
  const auto& asked = from.image().user_specified_image();
  to.image = asked.empty() ? from.image().image() : asked;
  if (to.image.size() > kMaxImage || !is_utf8(to.image) ||
      to.image.find('\0') != std::string::npos) {
    return fail("its image is " + shown(to.image) + ", which is no name of one");
  }
  to.running = from.state() == 1;
  return to;
}

template <class T, class Items, class Read>
List<T> list(const Items& items, Read read) {
  List<T> out;
  for (const auto& item : items) {
    auto good = read(item);
    if (good) {
      out.items.push_back(std::move(*good));
    } else if (out.problems.size() < kMaxProblems) {
      out.problems.push_back(shown(item.id()) + " is left out: " + good.error().message);
    }
  }
  return out;
}

}  // namespace

Result<RuntimeVersion> read_version(std::string_view message) {
  const auto from = parse<v1::VersionResponse>(message);
  if (!from) {
    return std::unexpected(from.error());
  }
  return RuntimeVersion{escape(from->runtime_name().substr(0, kMaxName)),
                        escape(from->runtime_version().substr(0, kMaxName))};
}

Result<List<Sandbox>> read_sandboxes(std::string_view message) {
  const auto from = parse<v1::ListPodSandboxResponse>(message);
  if (!from) {
    return std::unexpected(from.error());
  }
  auto out = list<Sandbox>(from->items(), sandbox<v1::PodSandbox>);
  for (const auto& item : out.items) {
    if (!item.labels_problem.empty() && out.problems.size() < kMaxProblems) {
      out.problems.push_back("labels of " + shown(item.id) +
                             " are not known: " + item.labels_problem);
    }
  }
  return out;
}

Result<Sandbox> read_sandbox_status(std::string_view message) {
  const auto from = parse<v1::PodSandboxStatusResponse>(message);
  if (!from) {
    return std::unexpected(from.error());
  }
  return sandbox(from->status());
}

Result<List<Container>> read_containers(std::string_view message) {
  const auto from = parse<v1::ListContainersResponse>(message);
  if (!from) {
    return std::unexpected(from.error());
  }
  return list<Container>(from->containers(), container);
}

Result<int> read_container_pid(std::string_view message) {
  const auto from = parse<v1::ContainerStatusResponse>(message);
  if (!from) {
    return std::unexpected(from.error());
  }
  for (const auto& entry : from->info()) {
    if (entry.key() != "info") {
      continue;
    }
    const auto json = nlohmann::json::parse(entry.value(), nullptr, /*allow_exceptions=*/false);
    const auto pid = json.is_object() ? json.find("pid") : json.end();
    if (!json.is_object() || pid == json.end()) {
      return 0;
    }
    if (!pid->is_number_integer() || *pid < 0 || *pid > kMaxPid) {
      return fail("the runtime's verbose status has a pid that cannot be");
    }
    return pid->get<int>();
  }
  return 0;
}

}  // namespace usher::cri
