#include "policy/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>

namespace usher::policy {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

template <class T>
std::optional<T> number(std::string_view text, T limit) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  const bool plain = text.size() == 1 || (!text.empty() && text.front() != '0');
  return whole && plain && value <= limit ? std::optional<T>(static_cast<T>(value)) : std::nullopt;
}

bool is_mapped(const AddressBlock& block) {
  return std::equal(kMapped.begin(), kMapped.end(), block.bytes.begin());
}

void keep_leading(AddressBlock& block) {
  for (std::size_t i = 0; i < block.bytes.size(); ++i) {
    const std::size_t first = i * 8;
    if (first >= block.length) {
      block.bytes[i] = 0;
    } else if (block.length - first < 8) {
      block.bytes[i] &= static_cast<std::uint8_t>(0xffU << (8 - (block.length - first)));
    }
  }
}

}  // namespace

Result<AddressBlock> parse_address_block(std::string_view text) {
  const auto slash = text.find('/');
  const std::string host(text.substr(0, slash));
  AddressBlock block;
  if (::inet_pton(AF_INET, host.c_str(), block.bytes.data()) == 1 && host.size() < 16) {
    block.length = 32;
  } else if (::inet_pton(AF_INET6, host.c_str(), block.bytes.data()) == 1) {
    block.v6 = true;
    block.length = 128;
  } else {
    return fail(
        "expected an address or a block of addresses, such as 192.0.2.7, 10.0.0.0/8 or "
        "fd00::/8; names are not looked up");
  }
  if (host.find('\0') != std::string::npos) {
    return fail("an address has no NUL byte");
  }
  if (slash != std::string_view::npos) {
    const auto length = number<std::uint8_t>(text.substr(slash + 1), block.length);
    if (!length) {
      return fail("expected a length of 0 to " + std::to_string(block.length) + " after the /");
    }
    block.length = *length;
  }
  AddressBlock kept = block;
  keep_leading(kept);
  if (kept != block) {
    return fail("bits are set beyond the block's length: write " + to_string(kept));
  }
  if (block.v6 && block.length >= 96 && is_mapped(block)) {
    AddressBlock v4 = normalised(block, false);
    v4.length = static_cast<std::uint8_t>(block.length - 96);
    return v4;
  }
  return block;
}

std::string to_string(const AddressBlock& block) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(block.v6 ? AF_INET6 : AF_INET, block.bytes.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(block.length);
}

Result<PortRange> parse_ports(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = number<std::uint16_t>(text.substr(0, dash), 65535);
  const auto last =
      dash == std::string_view::npos ? first : number<std::uint16_t>(text.substr(dash + 1), 65535);
  if (!first || !last) {
    return fail(
        R"(expected a port or a range of ports from 0 to 65535, such as "443" or "8000-8999")");
  }
  if (*first > *last) {
    return fail("the range ends before it begins: write \"" + std::to_string(*last) + "-" +
                std::to_string(*first) + "\"");
  }
  return PortRange{*first, *last};
}

std::vector<PortBlock> port_blocks(PortRange range) {
  std::vector<PortBlock> out;
  std::uint32_t at = range.first;
  const std::uint32_t end = std::uint32_t{range.last} + 1;
  while (at < end) {
    const std::uint32_t aligned = at == 0 ? 0x10000U : at & (~at + 1);
    const std::uint32_t size = std::min(aligned, std::bit_floor(end - at));
    out.push_back(
        {static_cast<std::uint16_t>(at), static_cast<std::uint8_t>(16 - std::countr_zero(size))});
    at += size;
  }
  return out;
}

std::uint32_t masked_v4(const std::array<std::uint8_t, 16>& bytes, std::uint32_t length) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | bytes[i];
  }
  return length == 0 ? 0 : value & (~std::uint32_t{0} << (32 - length));
}

V6Halves masked_v6(const std::array<std::uint8_t, 16>& bytes, std::uint32_t length) {
  V6Halves halves;
  for (std::size_t i = 0; i < 8; ++i) {
    halves.high = halves.high << 8 | bytes[i];
    halves.low = halves.low << 8 | bytes[i + 8];
  }
  const auto mask = [](std::uint32_t bits) {
    return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - bits);
  };
  halves.high &= mask(std::min(length, 64U));
  halves.low &= mask(length > 64 ? length - 64 : 0);
  return halves;
}

AddressBlock normalised(AddressBlock address, bool connecting) {
  if (address.v6 && is_mapped(address)) {
    AddressBlock v4{.bytes = {}, .length = 32, .v6 = false};
    std::copy_n(address.bytes.begin() + 12, 4, v4.bytes.begin());
    address = v4;
  }
  const std::size_t size = address.v6 ? 16 : 4;
  if (connecting && std::all_of(address.bytes.begin(), address.bytes.begin() + size,
                                [](auto b) { return b == 0; })) {
    if (!address.v6) {
      address.bytes[0] = 127;
    }
    address.bytes[size - 1] = 1;
  }
  return address;
}

}  // namespace usher::policy
