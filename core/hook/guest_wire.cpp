#include "hook/guest_wire.hpp"

#include <array>
#include <optional>
#include <utility>

#include "hook/protobuf.hpp"

namespace usher::hook {
namespace {

constexpr std::uint32_t kClaimOfFromGuest = 1;
constexpr std::uint32_t kVerdictOfFromHost = 1;
constexpr std::uint32_t kWelcomeOfFromHost = 2;
constexpr std::uint32_t kPoliciesOfFromHost = 3;

std::optional<Verdict> decode_fields(std::string_view message) {
  Verdict verdict;
  Reader reader(message);
  std::array<bool, 6> seen{};
  while (!reader.done()) {
    const auto tag = reader.varint();
    if (!tag || *tag >> 3 == 0) {
      return std::nullopt;
    }
    const auto field = *tag >> 3;
    const auto type = static_cast<std::uint32_t>(*tag & 7U);
    std::uint64_t* const number = field == 1   ? &verdict.ticket
                                  : field == 4 ? &verdict.word
                                               : nullptr;
    std::string* const text = field == 2   ? &verdict.container_id
                              : field == 3 ? &verdict.nonce
                              : field == 5 ? &verdict.message
                                           : nullptr;
    if (number == nullptr && text == nullptr) {
      if (!reader.skip(type)) {
        return std::nullopt;
      }
      continue;
    }
    if (type != (number != nullptr ? kVarint : kBytes) || std::exchange(seen[field], true)) {
      return std::nullopt;
    }
    if (number != nullptr) {
      const auto value = reader.varint();
      if (!value) {
        return std::nullopt;
      }
      *number = *value;
    } else {
      const auto value = reader.bytes();
      if (!value) {
        return std::nullopt;
      }
      *text = *value;
    }
  }
  return verdict;
}

}  // namespace

std::string encode_claim(const Claim& claim, std::string_view version) {
  std::string fields;
  append_number(fields, 1, claim.ticket);
  append_bytes(fields, 2, claim.container_id);
  append_bytes(fields, 3, claim.nonce);
  append_bytes(fields, 4, version);

  std::string out(kFrameHeader, '\0');
  append_varint(out, tag_of(kClaimOfFromGuest, kBytes));
  append_varint(out, fields.size());
  out += fields;
  const std::size_t length = out.size() - kFrameHeader;
  for (unsigned i = 0; i < kFrameHeader; ++i) {
    out[i] = static_cast<char>(length >> (24 - 8 * i) & 0xffU);
  }
  return out;
}

Result<std::size_t> frame_length(std::string_view header) {
  std::size_t length = 0;
  for (unsigned i = 0; i < kFrameHeader; ++i) {
    length = length << 8 | static_cast<unsigned char>(header[i]);
  }
  if (length == 0 || length > kMaxFrame) {
    return fail("a frame of " + std::to_string(length) + " bytes");
  }
  return length;
}

Result<Verdict> decode_verdict(std::string_view message) {
  std::optional<Verdict> verdict;
  Reader reader(message);
  while (!reader.done()) {
    const auto tag = reader.varint();
    if (!tag || *tag >> 3 == 0) {
      return fail("the answer is no FromHost");
    }
    if (*tag == tag_of(kVerdictOfFromHost, kBytes) && !verdict) {
      const auto fields = reader.bytes();
      verdict = fields ? decode_fields(*fields) : std::nullopt;
      if (!verdict) {
        return fail("the answer holds no readable Verdict");
      }
    } else if (*tag >> 3 <= kPoliciesOfFromHost) {
      return fail(*tag >> 3 >= kWelcomeOfFromHost ? "the answer is a word of a session"
                                                  : "the answer holds no readable Verdict");
    } else if (!reader.skip(static_cast<std::uint32_t>(*tag & 7U))) {
      return fail("the answer is no FromHost");
    }
  }
  if (!verdict) {
    return fail("the answer holds no Verdict");
  }
  return *std::move(verdict);
}

bool answers(const Verdict& verdict, const Claim& claim) {
  return verdict.ticket == claim.ticket && verdict.container_id == claim.container_id &&
         verdict.nonce == claim.nonce;
}

}  // namespace usher::hook
