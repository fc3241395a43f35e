#include "guest/policy_parts.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/escape.hpp"

namespace usher::guest {

Result<> PolicyParts::add(const v1::PolicyText& part) {
  if (!unfinished_.empty() && part.name() != unfinished_) {
    return fail(fmt::format("the text of policy \"{}\" goes on, and a part of \"{}\" came",
                            escape(unfinished_), escape(part.name())));
  }
  if (unfinished_.empty() && (part.name().empty() || part.name().size() > 253)) {
    return fail("a policy has a name of 1 to 253 bytes");
  }
  const bool goes_on = std::exchange(unfinished_, part.more() ? part.name() : "") == part.name();
  if (!set_.problem.empty()) {
    return {};
  }
  bytes_ += part.name().size() + part.text().size();
  const auto [at, is_new] = set_.texts.try_emplace(part.name());
  if (!is_new && !goes_on) {
    return fail(fmt::format("two policies are named \"{}\"", escape(part.name())));
  }
  at->second += part.text();
  if (bytes_ > kBytes || set_.texts.size() > kPolicies) {
    set_.problem = fmt::format(
        "the host's policies for this sandbox are more than {} policies or {} MiB; none of this "
        "set is taken",
        kPolicies, kBytes >> 20);
    set_.texts.clear();
  }
  return {};
}

Result<std::optional<PolicySet>> PolicyParts::add(const v1::Policies& frame) {
  if (begun_ && frame.generation() != set_.generation) {
    return fail(fmt::format("policies of generation {} came before those of {} were complete",
                            frame.generation(), set_.generation));
  }
  if (frame.generation() == 0 && frame.policies_size() != 0) {
    return fail("policies of generation 0 came, which is none");
  }
  begun_ = true;
  set_.generation = frame.generation();
  for (const auto& part : frame.policies()) {
    if (auto added = add(part); !added) {
      return std::unexpected(added.error());
    }
  }
  if (frame.more()) {
    return std::nullopt;
  }
  if (!unfinished_.empty()) {
    return fail(
        fmt::format("the text of policy \"{}\" ends before it is complete", escape(unfinished_)));
  }
  auto whole = std::move(set_);
  *this = PolicyParts();
  return whole;
}

}  // namespace usher::guest
