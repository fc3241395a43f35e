#include "hook/protobuf.hpp"

namespace usher::hook {

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_number(std::string& out, std::uint32_t field, std::uint64_t value) {
  if (value != 0) {
    append_varint(out, tag_of(field, kVarint));
    append_varint(out, value);
  }
}

void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  if (!bytes.empty()) {
    append_varint(out, tag_of(field, kBytes));
    append_varint(out, bytes.size());
    out += bytes;
  }
}

std::optional<std::uint64_t> Reader::varint() {
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

std::optional<std::string_view> Reader::take(std::uint64_t length) {
  if (length > left_.size()) {
    return std::nullopt;
  }
  const auto taken = left_.substr(0, length);
  left_.remove_prefix(length);
  return taken;
}

std::optional<std::string_view> Reader::bytes() {
  const auto length = varint();
  return length ? take(*length) : std::nullopt;
}

bool Reader::skip(std::uint32_t wire_type) {
  switch (wire_type) {
    case kVarint:
      return varint().has_value();
    case kFixed64:
      return take(8).has_value();
    case kFixed32:
      return take(4).has_value();
    case kBytes:
      return bytes().has_value();
    default:
      return false;
  }
}

}  // namespace usher::hook
