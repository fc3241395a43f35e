// A hook file that anybody may have left in the runtime's directory. Any input may be refused, with
// a reason; none may crash, hang or be called one of ours. What is taken has what the runtimes
// demand.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cri-o/schema.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto hook =
      usher::cri_o::parse_hook(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!hook) {
    return hook.error().message.empty() ? (std::abort(), 0) : 0;
  }
  if (!hook->old_schema && (hook->path.empty() || hook->path.find('\0') != std::string::npos)) {
    std::abort();
  }
  for (const auto& stage : hook->stages) {
    if (!stage.starts_with("pre") && !stage.starts_with("post") && !stage.starts_with("create") &&
        !stage.starts_with("start")) {
      std::abort();
    }
  }
  return hook->always && hook->never ? (std::abort(), 0) : 0;
}
