// What is taken from a runtime's CRI messages into an identity. The first byte chooses the message.
// Any input may be refused; what is taken is bounded, has its names, and labels hold text only.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "cri/grpc.hpp"
#include "cri/lister.hpp"
#include "cri/records.hpp"

namespace {

using namespace usher::cri;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void check(const Sandbox& sandbox) {
  require(!sandbox.id.empty() && sandbox.id.size() <= kMaxId);
  require(!sandbox.pod_namespace.empty() && sandbox.pod_namespace.size() <= kMaxName);
  require(!sandbox.pod_name.empty() && sandbox.pod_name.find('/') == std::string::npos);
  require(sandbox.labels_problem.empty() || sandbox.labels.empty());
  std::size_t bytes = 0;
  for (const auto& [key, value] : sandbox.labels) {
    require(!key.empty() && (key + value).find('\0') == std::string::npos);
    require(key != "io.kubernetes.pod.namespace" && key != "io.kubernetes.pod.name" &&
            key != "io.kubernetes.pod.uid");
    bytes += key.size() + value.size();
  }
  require(bytes <= kMaxLabelBytes);
  usher::plugin::Identity who;
  who.pod_namespace = "payments";
  try {
    join(who, sandbox);
    require(who.pod_namespace == "payments" && sandbox.pod_namespace == "payments");
    require(who.labels_known == sandbox.labels_problem.empty());
  } catch (const usher::plugin::Failure&) {
    require(sandbox.pod_namespace != "payments");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      if (const auto sandbox = read_sandbox_status(bytes)) {
        check(*sandbox);
      }
      break;
    case 1:
      if (const auto list = read_sandboxes(bytes)) {
        for (const auto& sandbox : list->items) {
          check(sandbox);
        }
      }
      break;
    case 2:
      if (const auto list = read_containers(bytes)) {
        for (const auto& container : list->items) {
          require(!container.id.empty() && !container.sandbox_id.empty());
          require(container.image.size() <= kMaxImage);
        }
      }
      break;
    case 3:
      if (const auto pid = read_container_pid(bytes)) {
        require(*pid >= 0 && *pid <= 1 << 22);
      }
      break;
    default: {
      Answer answer;
      answer.header("grpc-status", bytes.substr(0, 1));
      answer.header("grpc-message", bytes);
      answer.data(bytes, 64);
      std::ignore = answer.result(0);
      std::ignore = read_version(bytes);
    }
  }
  return 0;
}
