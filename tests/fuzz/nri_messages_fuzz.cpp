// What is taken from NRI's messages. The first byte chooses the message. Any input may be refused;
// what is taken is bounded, has its names, and labels hold text only.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "containerd/nri/messages.hpp"

namespace {

using namespace usher::nri;
namespace cri = usher::cri;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void check(const Pod& pod) {
  require(!pod.id.empty() && pod.id.size() <= cri::kMaxId);
  require(!pod.pod_namespace.empty() && pod.pod_namespace.size() <= cri::kMaxName);
  require(!pod.pod_name.empty() && pod.pod_name.find('/') == std::string::npos);
  require(pod.pid >= 0 && pod.pid <= 1 << 22);
  require(pod.labels_problem.empty() || pod.labels.empty());
  std::size_t bytes = 0;
  for (const auto& [key, value] : pod.labels) {
    require(!key.empty() && cri::is_text(key) && cri::is_text(value));
    require(key != "io.kubernetes.pod.namespace" && key != "io.cri-containerd.kind");
    bytes += key.size() + value.size();
  }
  require(bytes <= cri::kMaxLabelBytes);
}

void check(const Container& container) {
  require(!container.id.empty() && !container.sandbox_id.empty() && !container.name.empty());
  require(container.image.size() <= cri::kMaxImage && cri::is_text(container.image));
  require(container.cgroup_path.size() <= 4096 && container.pid >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const char* methods[] = {"StateChange", "CreateContainer", "RunPodSandbox", "nothing"};
  switch (data[0] % 6) {
    case 0:
      if (const auto configure = read_configure(bytes)) {
        require(configure->request_timeout.count() >= 0);
      }
      break;
    case 1:
      if (const auto list = read_synchronize(bytes)) {
        for (const auto& pod : list->pods) {
          check(pod);
        }
        for (const auto& container : list->containers) {
          check(container);
        }
        require(list->problems.size() <= 32);
      }
      break;
    default:
      if (const auto notice = read_notice(methods[data[0] % 6 - 2], bytes)) {
        if (notice->pod) {
          check(*notice->pod);
        }
        if (notice->container) {
          check(*notice->container);
        }
      }
  }
  return 0;
}
