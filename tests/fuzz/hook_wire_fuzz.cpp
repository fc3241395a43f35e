// What listens on the hook's socket may be no agent: whatever bytes it answers with, the hook comes
// to an outcome, and GO only by a well-formed answer that says so.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hook/session.hpp"
#include "hook/wire.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace usher::hook;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto answer = decode_answer(bytes);
  if (!answer && answer.error().message.empty()) {
    std::abort();
  }
  if (percent_decode(bytes).size() > size) {
    std::abort();
  }
  Session session("request", std::chrono::milliseconds(1000));
  std::string sent;
  if (session.collect(sent) && session.receive(bytes) && session.ended()) {
    const auto outcome = session.outcome();
    if (outcome.kind != Outcome::Kind::go && outcome.message.empty()) {
      std::abort();
    }
  }
  return 0;
}
