// Claims on their way to the agent: asked again while the container is not known yet, answered
// within the time that a guest's hook has.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cri/loop.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

struct Question {
  // The sandbox's id, or empty as long as it is not known; asked before each try.
  std::function<std::string()> sandbox;
  std::string container_id;
  std::string backend = "none";
  std::uint32_t enforces = 0;
};

// [main]
class Claims {
 public:
  // A null grant refuses; `why` is a sentence for the guest.
  using Answer = std::function<void(const plugin::GuestGrant* grant, const std::string& why)>;
  // Hears, at each try, of a sandbox with a container that the agent does not know yet: somebody
  // else may.
  using Unknown = std::function<void(const std::string& sandbox)>;
  // Hears of what the agent let start when nobody waited for its word any more: it does not start.
  using Unheard = std::function<void(const std::string& sandbox, const std::string& container)>;
  // May it run? As plugin::Guests::claim.
  using Ask = std::function<void(const plugin::GuestClaim&, plugin::Guests::Answer)>;

  Claims(cri::Loop loop, Ask ask, std::chrono::milliseconds within, Unknown unknown,
         Unheard unheard = {})
      : loop_(loop),
        ask_(std::move(ask)),
        within_(within),
        unknown_(std::move(unknown)),
        unheard_(std::move(unheard)) {}
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  // `answer` is called once, maybe at once, at the latest `within` from now; never after stop.
  // Returns the claim's number.
  std::uint64_t ask(Question question, Answer answer);
  bool waits(std::uint64_t number) const { return open_.contains(number); }
  // Who asked has gone: it is not asked any more, nor answered. False: it was answered already.
  bool drop(std::uint64_t number) { return open_.erase(number) != 0; }
  // Something of this sandbox became known: its claims that wait are asked again at once.
  void hurry(const std::string& sandbox);
  void stop() { open_.clear(); }
  std::size_t open() const { return open_.size(); }

 private:
  struct Open {
    Question question = {};
    Answer answer = {};
    std::string why = "the host's agent did not answer";  // the last reason
    bool asked = false;                                   // the agent has it now
    std::chrono::milliseconds pause{10};                  // until the next try
    cri::Registration deadline = {};
    cri::Registration again = {};
  };
  void attempt(std::uint64_t number);
  void later(std::uint64_t number, const std::string& why);
  void end(std::uint64_t number, const plugin::GuestGrant* grant, const std::string& why);

  cri::Loop loop_;
  Ask ask_;
  std::chrono::milliseconds within_;
  Unknown unknown_;
  Unheard unheard_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Open> open_;
  // What the agent answers after this is gone reaches nobody.
  std::shared_ptr<Claims*> self_ = std::make_shared<Claims*>(this);
};

}  // namespace usher::kata
