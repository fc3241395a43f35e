#include "hook/wire.hpp"

#include <optional>

namespace usher::hook {
namespace {

// Protobuf's wire types; groups (3, 4) are not used by proto3.
constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFixed32 = 5;

constexpr std::size_t kGrpcHeader = 5;

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  if (bytes.empty()) {
    return;  // proto3 leaves default values out
  }
  append_varint(out, field << 3 | kBytes);
  append_varint(out, bytes.size());
  out += bytes;
}

// Reads from the front of what is left.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  bool done() const { return left_.empty(); }

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) {
        return std::nullopt;
      }
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    return std::nullopt;
  }

  std::optional<std::string_view> take(std::uint64_t length) {
    if (length > left_.size()) {
      return std::nullopt;
    }
    const auto taken = left_.substr(0, length);
    left_.remove_prefix(length);
    return taken;
  }

  bool skip(std::uint32_t wire_type) {
    switch (wire_type) {
      case kVarint:
        return varint().has_value();
      case kFixed64:
        return take(8).has_value();
      case kFixed32:
        return take(4).has_value();
      case kBytes: {
        const auto length = varint();
        return length && take(*length).has_value();
      }
      default:
        return false;
    }
  }

 private:
  std::string_view left_;
};

std::optional<Answer> decode_message(std::string_view message) {
  Answer answer;
  Reader reader(message);
  while (!reader.done()) {
    const auto tag = reader.varint();
    if (!tag || *tag >> 3 == 0) {
      return std::nullopt;
    }
    if (*tag == (1U << 3 | kVarint)) {
      const auto verdict = reader.varint();
      if (!verdict) {
        return std::nullopt;
      }
      answer.verdict = *verdict;
    } else if (*tag == (2U << 3 | kBytes)) {
      const auto length = reader.varint();
      const auto text = length ? reader.take(*length) : std::nullopt;
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
  append_varint(out, 1U << 3 | kVarint);
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
