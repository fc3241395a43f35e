// Address blocks and port ranges: parsing, normal forms, and the blocks that a table holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "policy/policy.hpp"

namespace usher::policy {

// "10.0.0.0/8", "fd00::/8", "192.0.2.1". IPv4-mapped IPv6 becomes IPv4. Bits beyond the length are
// an error that says the normal form.
Result<AddressBlock> parse_address_block(std::string_view text);
std::string to_string(const AddressBlock& block);

// "443" or "8000-8999".
Result<PortRange> parse_ports(std::string_view text);

// `length` leading bits of `port` are given, the others are zero.
struct PortBlock {
  std::uint16_t port = 0;
  std::uint8_t length = 0;
};
// At most 30 aligned blocks that make up the range.
std::vector<PortBlock> port_blocks(PortRange range);

struct V6Halves {  // host order
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};
std::uint32_t masked_v4(const std::array<std::uint8_t, 16>& bytes, std::uint32_t length);
V6Halves masked_v6(const std::array<std::uint8_t, 16>& bytes, std::uint32_t length);

// As the kernel reads a socket's address: mapped IPv6 is IPv4; as a destination (`connecting`) the
// unspecified address is the loopback.
AddressBlock normalised(AddressBlock address, bool connecting);

}  // namespace usher::policy
