#include "kata/claims.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

constexpr std::chrono::milliseconds kLongestPause{100};

}  // namespace

std::uint64_t Claims::ask(Question question, Answer answer) {
  const auto number = ++last_;
  auto deadline = loop_.timer(within_, [this, number](std::uint32_t) {
    const auto at = open_.find(number);
    if (at != open_.end()) {
      end(number, nullptr,
          at->second.why + "; no word within " + std::to_string(within_.count()) + " ms");
    }
  });
  if (!deadline) {
    answer(nullptr, "the host's agent is stopping");
    return number;
  }
  auto& open = open_[number];
  open.question = std::move(question);
  open.answer = std::move(answer);
  open.deadline = std::move(*deadline);
  attempt(number);
  return number;
}

void Claims::attempt(std::uint64_t number) {
  const auto at = open_.find(number);
  if (at == open_.end() || at->second.asked) {
    return;
  }
  Open& open = at->second;
  open.again.cancel();
  const std::string sandbox = open.question.sandbox();
  if (sandbox.empty()) {
    return later(number, "the host has not been told of this sandbox yet");
  }
  open.asked = true;
  const std::string container = open.question.container_id;
  const std::string backend = open.question.backend;
  try {
    ask_({sandbox, container, backend, open.question.enforces},
         [self = std::weak_ptr(self_), number, sandbox, container](const plugin::GuestGrant* grant,
                                                                   const plugin::Failure* why_not) {
           const auto claims = self.lock();
           if (claims == nullptr) {
             return;
           }
           auto& mine = **claims;
           if (!mine.open_.contains(number)) {
             if (grant != nullptr && mine.unheard_) {
               mine.unheard_(sandbox, container);
             }
             return;
           }
           Open& answered = mine.open_.at(number);
           answered.asked = false;
           if (grant != nullptr || why_not == nullptr || why_not->code() != EAGAIN) {
             return mine.end(number, grant,
                             why_not != nullptr ? why_not->what() : "the host refuses it");
           }
           if (mine.unknown_) {
             mine.unknown_(sandbox);
           }
           mine.later(number, why_not->what());
         });
  } catch (const plugin::Failure& failure) {
    const auto still = open_.find(number);
    if (still == open_.end()) {
      return;
    }
    still->second.asked = false;
    if (failure.status() == USHER_BUSY) {
      return later(number, failure.what());
    }
    end(number, nullptr, failure.what());
  }
}

void Claims::later(std::uint64_t number, const std::string& why) {
  const auto at = open_.find(number);
  if (at == open_.end()) {
    return;
  }
  Open& open = at->second;
  open.why = why;
  auto timer = loop_.timer(open.pause, [this, number](std::uint32_t) { attempt(number); });
  if (!timer) {
    return end(number, nullptr, "the host's agent is stopping");
  }
  open.again = std::move(*timer);
  open.pause = std::min(open.pause * 2, kLongestPause);
}

void Claims::hurry(const std::string& sandbox) {
  std::vector<std::uint64_t> waiting;
  for (const auto& [number, open] : open_) {
    if (!open.asked && open.question.sandbox() == sandbox) {
      waiting.push_back(number);
    }
  }
  for (const auto number : waiting) {
    attempt(number);
  }
}

void Claims::end(std::uint64_t number, const plugin::GuestGrant* grant, const std::string& why) {
  const auto at = open_.find(number);
  if (at == open_.end()) {
    return;
  }
  const auto answer = std::move(at->second.answer);
  open_.erase(at);
  answer(grant, why);
}

}  // namespace usher::kata
