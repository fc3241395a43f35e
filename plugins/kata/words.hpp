// What guests and the relay say (usher/guest/v1/relay.proto), read strictly and written. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "usher/guest/v1/relay.pb.h"
#include "usher/plugin.hpp"

namespace usher::kata {

namespace v1 = usher::guest::v1;

inline constexpr std::uint32_t kProtocol = 1;
inline constexpr std::size_t kNonceSize = 16;
inline constexpr std::size_t kTokenSize = 32;
inline constexpr std::size_t kMaxContainerId = 255;
inline constexpr std::size_t kMaxEvent = 60U << 10;  // usher.guests/1's told
// All of a sandbox's policies.
inline constexpr std::size_t kMaxPolicies = 4096;
inline constexpr std::size_t kMaxPolicyBytes = 16U << 20;

// "lsm", "tracepoint", "none".
bool is_backend(std::string_view word);

// Errors, all EPROTO: no such message, a word that this side does not know, a member out of its
// bounds. Hello's protocol is not judged here.
Result<v1::FromGuest> read_from_guest(std::string_view message);

// The answer to `claim`; a null grant refuses, with `why`. `to_session` says whether the asker is
// told whom it is about. Errors: the grant fits no frame.
Result<std::string> verdict_message(const v1::Claim& claim, const plugin::GuestGrant* grant,
                                    std::string_view why, bool to_session);
std::string welcome_message(std::string_view token);
// One message per frame, in their order; each fits one. Errors: more than a guest takes.
Result<std::vector<std::string>> policies_messages(const plugin::GuestPolicies& policies);

}  // namespace usher::kata
