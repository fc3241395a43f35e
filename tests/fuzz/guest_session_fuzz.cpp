// Any bytes as what a relay says in a guest's session: frames, and the policies in them. What is
// taken holds its bounds, and what a set is made of came in its parts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "guest/frames.hpp"
#include "guest/policy_parts.hpp"

namespace {

using namespace usher::guest;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

// As Stream reads one.
std::optional<std::string_view> next_frame(std::string_view& bytes) {
  FrameHeader header{};
  if (bytes.size() < header.size()) {
    return std::nullopt;
  }
  std::copy_n(bytes.begin(), header.size(), header.begin());
  const auto length = frame_length(header);
  if (!length) {
    return std::nullopt;
  }
  require(*length > 0 && *length <= kFrameLimit);
  bytes.remove_prefix(header.size());
  const auto frame = bytes.substr(0, *length);
  bytes.remove_prefix(frame.size());
  return frame;
}

struct Told {
  PolicyParts parts;
  std::size_t bytes = 0;  // of names and texts since the last whole set

  bool take(const v1::Policies& said) {
    for (const auto& policy : said.policies()) {
      bytes += policy.name().size() + policy.text().size();
    }
    const auto whole = parts.add(said);
    if (!whole) {
      return false;  // the session ends here
    }
    if (*whole) {
      check(**whole, said.generation());
    }
    return true;
  }

 private:
  void check(const PolicySet& set, std::uint64_t generation) {
    require(set.generation == generation);
    require(generation != 0 || set.texts.empty());
    require(set.problem.empty() || set.texts.empty());
    require(set.texts.size() <= PolicyParts::kPolicies);
    std::size_t held = 0;
    for (const auto& [name, text] : set.texts) {
      require(!name.empty() && name.size() <= 253);
      held += name.size() + text.size();
    }
    require(held <= bytes && held <= PolicyParts::kBytes);
    bytes = 0;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Told session;
  while (const auto frame = next_frame(bytes)) {
    const auto said = from_frame(*frame);
    if (!said) {
      break;
    }
    require(said->word_case() != v1::FromHost::WORD_NOT_SET);
    if (said->has_policies() && !session.take(said->policies())) {
      break;
    }
  }
  return 0;
}
