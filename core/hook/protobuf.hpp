// Protobuf's encoding, as far as the hook's few messages need it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace usher::hook {

// Wire types; groups (3, 4) are not used by proto3.
inline constexpr std::uint32_t kVarint = 0;
inline constexpr std::uint32_t kFixed64 = 1;
inline constexpr std::uint32_t kBytes = 2;
inline constexpr std::uint32_t kFixed32 = 5;

constexpr std::uint32_t tag_of(std::uint32_t field, std::uint32_t wire_type) {
  return field << 3 | wire_type;
}

void append_varint(std::string& out, std::uint64_t value);
// Both leave out what is proto3's default.
void append_number(std::string& out, std::uint32_t field, std::uint64_t value);
void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes);

// Reads from the front of what is left; nothing where the bytes end too early. Borrows them.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  bool done() const { return left_.empty(); }
  std::optional<std::uint64_t> varint();
  std::optional<std::string_view> take(std::uint64_t length);
  std::optional<std::string_view> bytes();  // a length, then as many
  bool skip(std::uint32_t wire_type);

 private:
  std::string_view left_;
};

}  // namespace usher::hook
