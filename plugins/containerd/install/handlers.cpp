#include "containerd/install/handlers.hpp"

#include <nlohmann/json.hpp>

namespace usher::containerd {
namespace {

const nlohmann::json* part(const nlohmann::json* from, const char* key) {
  if (from == nullptr || !from->is_object()) {
    return nullptr;
  }
  const auto found = from->find(key);
  return found == from->end() ? nullptr : &*found;
}

std::string text(const nlohmann::json* from) {
  return from != nullptr && from->is_string() ? from->get<std::string>() : "";
}

}  // namespace

Result<Handlers> handlers_in(std::string_view config) {
  const auto parsed = nlohmann::json::parse(config, nullptr, false);
  const auto* containerd = part(&parsed, "containerd");
  const auto* runtimes = part(containerd, "runtimes");
  if (runtimes == nullptr || !runtimes->is_object()) {
    return fail("containerd's status holds no configuration with runtimes");
  }
  Handlers out;
  out.default_name = text(part(containerd, "defaultRuntimeName"));
  for (const auto& [name, runtime] : runtimes->items()) {
    out.runtimes.emplace(name, Handler{text(part(&runtime, "runtimeType")),
                                       text(part(&runtime, "baseRuntimeSpec"))});
  }
  return out;
}

}  // namespace usher::containerd
