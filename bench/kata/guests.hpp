// Guests of Kata as the relay sees them: a folder for each, and calls of the socket that the relay
// makes in it. Blocking; whatever goes wrong ends the program with a sentence.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "usher/guest/v1/relay.pb.h"

namespace usher::bench {

namespace guest = usher::guest::v1;

[[noreturn]] void give_up(const std::string& why);

// One call of a sandbox's relay.
class Link {
 public:
  explicit Link(const std::string& socket);
  void say(const guest::FromGuest& word);
  guest::FromHost hear();
  // What comes until the verdict, which must be GO.
  void hear_go();

 private:
  Fd fd_;
  std::string left_;  // of what was received
};

// With a ticket and a nonce that no other has.
guest::FromGuest claim_of(const std::string& container);
guest::FromGuest hello();

}  // namespace usher::bench
