// Any bytes as containerd's configuration. An edit may be refused, with a reason; what comes out of
// one parses, holds what was wanted, and goes back to the byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/install/edit.hpp"

using usher::containerd::KeyPath;
using usher::containerd::set_keys;
using usher::containerd::take_back;
using usher::containerd::Want;

namespace {

void demand(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const KeyPath table = {"plugins", "io.containerd.grpc.v1.cri", "containerd", "runtimes", "runc"};
  const KeyPath nri = {"plugins", "io.containerd.nri.v1.nri"};
  const std::vector<Want> wants = {
      {table, {"base_runtime_spec", "/etc/usher/base.json"}, {{"runtime_type", "runc"}}},
      {nri, {"disable", false}, {}}};

  const auto clean = take_back(text, "config.toml");
  if (!clean) {
    demand(!clean.error().message.empty());
    return 0;
  }
  demand(usher::containerd::view_toml(clean->text, "config.toml").has_value());
  const auto edited = set_keys(clean->text, "config.toml", wants);
  if (!edited) {
    demand(!edited.error().message.empty());
    return 0;
  }
  const auto view = usher::containerd::view_toml(*edited, "config.toml");
  demand(view.has_value());
  for (const auto& want : wants) {
    KeyPath path = want.table;
    path.push_back(want.setting.key);
    demand(view->leaf(path) != nullptr);
  }
  const auto back = take_back(*edited, "config.toml");
  demand(back.has_value());
  // Marks that came with the input may be whole only in another place.
  const auto again = take_back(clean->text, "config.toml");
  if (again && again->text == clean->text) {
    demand(back->text == clean->text);
  }
  return 0;
}
