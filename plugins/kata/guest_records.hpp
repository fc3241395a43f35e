// Containers in Kata's sandboxes by the runtime's own records over CRI: for nodes whose runtime has
// no NRI, and tells nobody of a container before it starts.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "cri/client.hpp"
#include "kata/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

// [main]
class GuestRecords {
 public:
  // `published`: something of that sandbox that was not known is now.
  GuestRecords(plugin::Host host, cri::Loop loop, const Options& options,
               std::function<void(const std::string& sandbox)> published);
  GuestRecords(const GuestRecords&) = delete;
  GuestRecords& operator=(const GuestRecords&) = delete;

  // A guest claims what nobody told of: what the runtime has made in this sandbox, and not started,
  // is published with it, with USHER_IDENTITY_GUEST; what was, and is not there any more, is gone.
  // Nothing while it is being asked already, or was a moment ago: a guest can claim what it likes.
  void ask(const std::string& sandbox);
  // Its sandbox has ended.
  void gone(const std::string& sandbox);
  // `stopped` is called once, maybe at once.
  void stop(std::function<void()> stopped);

 private:
  struct Sandbox {
    bool asking = false;
    std::chrono::steady_clock::time_point asked = {};
    bool published = false;
    std::set<std::string> containers = {};  // that were published
  };
  struct Asking;
  plugin::Flow look_up(plugin::Host host, std::string sandbox);
  // What was published of that sandbox.
  std::set<std::string> known(const std::string& sandbox) const;
  // False where the sandbox has ended.
  bool note(const std::string& sandbox, const std::string& container);
  void forget(const std::string& sandbox, const std::string& container);
  void end_if_idle();

  plugin::Host host_;
  cri::Client client_;
  std::function<void(const std::string& sandbox)> published_;
  std::map<std::string, Sandbox> sandboxes_;
  std::size_t asking_ = 0;
  bool stopping_ = false;
  std::function<void()> stopped_;
};

}  // namespace usher::kata
