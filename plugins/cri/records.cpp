#include "cri/records.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/escape.hpp"
#include "cri/cri.pb.h"
#include "cri/texts.hpp"

namespace usher::cri {
namespace {

constexpr std::size_t kMaxProblems = 16;
constexpr int kMaxPid = 1 << 22;

template <class Message>
Result<Message> parse(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail("the runtime's answer is no message of its kind", EPROTO);
  }
  return message;
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
    auto good = checked_name(what, *value, limit, required);
    if (!good) {
      return std::unexpected(good.error());
    }
    *target = std::move(*good);
  }
  to.ready = from.state() == 0;
  auto found = read_labels(from.labels());
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
    auto good = checked_name(what, *value, limit, true);
    if (!good) {
      return std::unexpected(good.error());
    }
    *target = std::move(*good);
  }
  const auto& asked = from.image().user_specified_image();
  to.image = asked.empty() ? from.image().image() : asked;
  if (to.image.size() > kMaxImage || !is_text(to.image)) {
    return fail("its image is " + shown(to.image) + ", which is no name of one");
  }
  to.running = from.state() == 1;
  to.created = from.state() == 0;
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

Result<std::string> read_config(std::string_view message) {
  const auto from = parse<v1::StatusResponse>(message);
  if (!from) {
    return std::unexpected(from.error());
  }
  for (const auto& entry : from->info()) {
    if (entry.key() == "config") {
      return entry.value();
    }
  }
  return fail("the runtime's status holds no \"config\"");
}

}  // namespace usher::cri
