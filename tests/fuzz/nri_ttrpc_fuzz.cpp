// Any bytes as the data of a ttrpc request or response; what is taken survives being written again,
// and an outgoing message fits the peer's frames.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"

namespace {

using namespace usher::nri;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto request = read_request(bytes)) {
    require(request->timeout.count() >= 0);
    const auto again = read_request(write_request(*request));
    require(again && again->service == request->service && again->method == request->method &&
            again->payload == request->payload && again->timeout == request->timeout);
  }
  if (const auto payload = read_response(bytes)) {
    require(*read_response(write_response(*payload)) == *payload);
  }
  const auto message = ttrpc_message({1, kResponse, 0, std::string(bytes)});
  std::string whole;
  MuxReader mux;
  for (const auto& frame : mux_frames(kPluginConnection, message)) {
    require(frame.size() <= kMaxFrame);
    require(mux.feed(frame,
                     [&](std::uint32_t, std::string_view part) -> usher::Result<> {
                       whole += part;
                       return {};
                     })
                .has_value());
  }
  require(whole == message && mux.between_frames());
  return 0;
}
