// Any bytes as the runtime's side of an NRI socket: multiplexer and ttrpc reader, in pieces whose
// size the first byte says. What comes out does not depend on the pieces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string_view>
#include <vector>

#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"

namespace {

using namespace usher::nri;

struct Read {
  std::map<std::uint32_t, std::vector<Frame>> frames;
  bool whole = true;
};

Read read(std::string_view bytes, std::size_t piece) {
  Read out;
  MuxReader mux;
  std::map<std::uint32_t, TtrpcReader> connections;
  while (!bytes.empty() && out.whole) {
    out.whole = mux.feed(bytes.substr(0, piece),
                         [&](std::uint32_t id, std::string_view part) -> usher::Result<> {
                           if (id != kPluginConnection && id != kRuntimeConnection) {
                             return {};
                           }
                           return connections[id].feed(part, out.frames[id]);
                         })
                    .has_value();
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return out;
}

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto one = read(bytes, bytes.size() + 1);
  const auto other = read(bytes, data[0] % 64 + 1);
  require(one.whole == other.whole);
  for (const auto& [id, frames] : one.frames) {
    const auto at = other.frames.find(id);
    require(at != other.frames.end() && at->second.size() == frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      require(frames[i].data == at->second[i].data && frames[i].stream == at->second[i].stream);
    }
  }
  return 0;
}
