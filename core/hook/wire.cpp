#include "hook/wire.hpp"

#include <optional>

#include "hook/protobuf.hpp"

namespace usher::hook {
namespace {

constexpr std::size_t kGrpcHeader = 5;

std::optional<Answer> decode_message(std::string_view message) {
  Answer answer;
  Reader reader(message);
  while (!reader.done()) {
    const auto tag = reader.varint();
    if (!tag || *tag >> 3 == 0) {
      return std::nullopt;
    }
    if (*tag == tag_of(1, kVarint)) {
      const auto verdict = reader.varint();
      if (!verdict) {
        return std::nullopt;
      }
      answer.verdict = *verdict;
    } else if (*tag == tag_of(2, kBytes)) {
      const auto text = reader.bytes();
      if (!text) {
        return std::nullopt;
      }
      answer.message = *text;
    } else if (!reader.skip(static_cast<std::uint32_t>(*tag & 7U))) {
      return std::nullopt;
    }
  }
  return answer;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0');
  }
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') {
    return static_cast<unsigned>(lower - 'a' + 10);
  }
  return std::nullopt;
}

}  // namespace

std::string encode_request(Stage stage, std::string_view runtime, std::string_view state,
                           std::string_view hook_version) {
  std::string out;
  out.reserve(kGrpcHeader + 64 + runtime.size() + state.size() + hook_version.size());
  out.assign(kGrpcHeader, '\0');
  append_varint(out, tag_of(1, kVarint));
  append_varint(out, static_cast<std::uint64_t>(stage));
  append_bytes(out, 2, runtime);
  append_bytes(out, 3, state);
  append_bytes(out, 4, hook_version);
  const auto length = static_cast<std::uint32_t>(out.size() - kGrpcHeader);
  for (unsigned i = 0; i < 4; ++i) {
    out[1 + i] = static_cast<char>(length >> (24 - 8 * i) & 0xffU);
  }
  return out;
}

Result<Answer> decode_answer(std::string_view body) {
  if (body.size() < kGrpcHeader) {
    return fail("the answer is cut off");
  }
  if (body[0] != 0) {
    return fail("the answer is compressed, which was not offered");
  }
  std::uint32_t length = 0;
  for (unsigned i = 1; i < kGrpcHeader; ++i) {
    length = length << 8 | static_cast<unsigned char>(body[i]);
  }
  if (length != body.size() - kGrpcHeader) {
    return fail("the answer is not one whole message");
  }
  auto answer = decode_message(body.substr(kGrpcHeader));
  if (!answer) {
    return fail("the answer is not a HookResponse");
  }
  return *std::move(answer);
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high << 4 | *low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace usher::hook
