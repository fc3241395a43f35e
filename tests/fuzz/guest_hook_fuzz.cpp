// What a guest hook reads from others: the relay's answer, the state that the guest's runtime
// gives, the file beside the binary. Whatever the bytes, there is a result or a reason, and GO only
// for the claim that was made.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hook/guest_config.hpp"
#include "hook/guest_state.hpp"
#include "hook/guest_wire.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace usher::hook;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto demand = [](bool holds) {
    if (!holds) {
      std::abort();
    }
  };

  const auto verdict = decode_verdict(bytes);
  demand(verdict || !verdict.error().message.empty());
  if (verdict) {
    const Claim claim = {
        .ticket = verdict->ticket, .container_id = verdict->container_id, .nonce = "another"};
    demand(!answers(*verdict, claim) || verdict->nonce == "another");
  }
  if (size >= kFrameHeader) {
    const auto length = frame_length(bytes);
    demand(!length || (*length > 0 && *length <= kMaxFrame));
  }

  const auto config = parse_guest_config(bytes);
  demand(config || !config.error().message.empty());
  if (config) {
    demand(config->deadline >= kShortestDeadline && config->deadline <= kLongestDeadline);
    demand(!config->agent.empty() || !config->relay_path.empty() || config->relay_port != 0);
  }

  const auto state = parse_guest_state(bytes);
  demand(state.pid >= 0 && state.id.size() <= kMaxContainerId);
  demand(!state.problem.empty() || (state.pid > 0 && !state.id.empty()));
  return 0;
}
