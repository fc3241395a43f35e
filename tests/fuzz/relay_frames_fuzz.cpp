// Any bytes as a guest's side of its connection: frames, in pieces whose size the first byte says,
// and what they say. What comes out does not depend on the pieces, and what is taken holds its
// bounds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "kata/frames.hpp"
#include "kata/words.hpp"

namespace {

using namespace usher::kata;

struct Read {
  std::vector<std::string> messages;
  bool whole = true;
};

Read read(std::string_view bytes, std::size_t piece) {
  Read out;
  FrameReader reader;
  while (!bytes.empty() && out.whole) {
    out.whole = reader
                    .feed(bytes.substr(0, piece),
                          [&](std::string_view message) -> usher::Result<> {
                            out.messages.emplace_back(message);
                            return {};
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

void check(const v1::FromGuest& said) {
  require(said.word_case() != v1::FromGuest::WORD_NOT_SET);
  if (said.has_claim()) {
    require(said.claim().nonce().size() == kNonceSize);
    require(!said.claim().container_id().empty() &&
            said.claim().container_id().size() <= kMaxContainerId);
    require(verdict_message(said.claim(), nullptr, "why", false)->size() <= kMaxFrame);
  }
  require(!said.has_told() || said.told().event().size() <= kMaxEvent);
  require(!said.has_hello() || said.hello().token().empty() ||
          said.hello().token().size() == kTokenSize);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto one = read(bytes, bytes.size() + 1);
  const auto other = read(bytes, data[0] % 64 + 1);
  require(one.whole == other.whole && one.messages == other.messages);
  for (const auto& message : one.messages) {
    require(!message.empty() && message.size() <= kMaxFrame);
    if (const auto said = read_from_guest(message)) {
      check(*said);
    } else {
      require(said.error().code == EPROTO);
    }
  }
  // Without a frame around it, too: more inputs get that far.
  if (const auto said = read_from_guest(bytes)) {
    check(*said);
  }
  return 0;
}
