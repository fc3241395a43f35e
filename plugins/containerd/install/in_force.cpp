#include "containerd/install/in_force.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "cri/channel.hpp"
#include "cri/cri.pb.h"
#include "install/poll_loop.hpp"

namespace usher::containerd {
namespace {

cri::Detached store(cri::Task<Result<std::string>> task, std::optional<Result<std::string>>& to) {
  to = co_await std::move(task);
}

}  // namespace

Result<BaseSpecs> specs_in(std::string_view json) {
  const auto config = nlohmann::json::parse(json, nullptr, false);
  const auto part = [](const nlohmann::json& from, const char* key) -> const nlohmann::json* {
    const auto found = from.is_object() ? from.find(key) : from.end();
    return found != from.end() && found->is_object() ? &*found : nullptr;
  };
  const auto* containerd = config.is_object() ? part(config, "containerd") : nullptr;
  const auto* runtimes = containerd != nullptr ? part(*containerd, "runtimes") : nullptr;
  if (runtimes == nullptr) {
    return fail("its status holds no configuration with runtimes");
  }
  BaseSpecs out;
  for (const auto& [name, runtime] : runtimes->items()) {
    const auto spec = runtime.is_object() ? runtime.find("baseRuntimeSpec") : runtime.end();
    out[name] = spec != runtime.end() && spec->is_string() ? spec->get<std::string>() : "";
  }
  return out;
}

Result<BaseSpecs> specs_in_force(const std::string& socket, std::chrono::milliseconds deadline) {
  install::PollLoop loop;
  std::optional<Result<std::string>> answer;
  const auto channel = cri::Channel::create(cri::Loop(loop.table(), &loop), socket, {});
  cri::v1::StatusRequest request;
  request.set_verbose(true);
  store(channel->call("/runtime.v1.RuntimeService/Status", request.SerializeAsString(), deadline),
        answer);
  loop.run([&] { return answer.has_value(); },
           std::chrono::steady_clock::now() + deadline + std::chrono::seconds(1));
  channel->close();
  if (!answer) {
    return fail("it does not answer", ETIMEDOUT);
  }
  if (!*answer) {
    return std::unexpected(answer->error());
  }
  cri::v1::StatusResponse response;
  if (!response.ParseFromString(**answer)) {
    return fail("its status cannot be read");
  }
  for (const auto& entry : response.info()) {
    if (entry.key() == "config") {
      return specs_in(entry.value());
    }
  }
  return fail("its status holds no \"config\"");
}

}  // namespace usher::containerd
