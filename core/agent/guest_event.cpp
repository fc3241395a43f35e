#include "agent/guest_event.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/shown.hpp"
#include "policy/address.hpp"

namespace usher::agent {

namespace {

constexpr std::size_t kMaxWord = 64;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxPath = 4096;
constexpr int kMaxArguments = 64;
constexpr int kMaxFlags = 16;
constexpr std::size_t kMaxEvent = 60U << 10;
constexpr std::size_t kMaxId = 255;

bool is_word(std::string_view text) {
  return text.size() <= kMaxWord &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos;
}

template <std::size_t count>
bool is_one_of(std::string_view word, const std::array<std::string_view, count>& words) {
  return std::ranges::find(words, word) != words.end();
}

Result<> check(const v1::Event& from) {
  // What says something of a workload. Words of the node as a whole are not the guest's to say.
  static constexpr std::array<std::string_view, 8> kTypes{
      "verdict", "suppressed", "enrolled", "identified", "refused", "ended", "reload", "adopted"};
  static constexpr std::array<std::string_view, 4> kSeverities{"", "info", "warning", "error"};
  static constexpr std::array<std::string_view, 7> kVerdicts{
      "", "allow", "audit", "deny", "would-deny", "kill", "(unknown)"};
  if (!is_one_of(from.type(), kTypes)) {
    return fail(fmt::format("its type \"{}\" is none of a workload's", shown(from.type())));
  }
  if (!is_one_of(from.severity(), kSeverities) || !is_one_of(from.verdict(), kVerdicts)) {
    return fail("its severity or its verdict is none");
  }
  if (!is_word(from.operation()) || !is_word(from.protocol())) {
    return fail("its operation or its protocol is no word");
  }
  if (!from.address().empty() && !policy::parse_address_block(from.address())) {
    return fail("its address is none");
  }
  if (from.container_id().size() > kMaxId || from.port() > 65535) {
    return fail("its container id or its port is too large");
  }
  return {};
}

}  // namespace

Result<v1::Event> read_guest_event(std::string_view bytes) {
  v1::Event from;
  if (bytes.size() > kMaxEvent ||
      !from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail("it is not a usher.v1.Event of at most 60 KiB");
  }
  if (auto good = check(from); !good) {
    return std::unexpected(std::move(good.error()));
  }
  v1::Event to;
  to.set_type(from.type());
  to.set_severity(from.severity().empty() ? "info" : from.severity());
  to.set_container_id(from.container_id());
  to.set_policy(cut(from.policy(), kMaxName));
  to.set_rule(cut(from.rule(), kMaxName));
  to.set_operation(from.operation());
  to.set_verdict(from.verdict());
  to.set_path(cut(from.path(), kMaxPath));
  to.set_address(from.address());
  to.set_port(from.port());
  to.set_protocol(from.protocol());
  to.set_pid(from.pid());
  to.set_parent_pid(from.parent_pid());
  to.set_uid(from.uid());
  to.set_program(cut(from.program(), kMaxWord));
  for (int i = 0; i < std::min(from.arguments_size(), kMaxArguments); ++i) {
    to.add_arguments(cut(from.arguments(i), kMaxName));
  }
  to.set_suppressed(from.suppressed());
  to.add_flags("guest-word");
  for (int i = 0; i < std::min(from.flags_size(), kMaxFlags); ++i) {
    if (is_word(from.flags(i)) && !from.flags(i).empty() && from.flags(i) != "guest-word") {
      to.add_flags(from.flags(i));
    }
  }
  to.set_message(cut(from.message(), kShownField));
  return to;
}

}  // namespace usher::agent
