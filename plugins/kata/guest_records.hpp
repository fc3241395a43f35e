// Containers in Kata's sandboxes by the runtime's own records over CRI: for nodes whose runtime has
// no NRI, and tells nobody of a container before it starts.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "cri/client.hpp"
#include "kata/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

// [main]
class GuestRecords {
 public:
  // `published`: something that was not known is now.
  GuestRecords(plugin::Host host, cri::Loop loop, const Options& options,
               std::function<void()> published);
  GuestRecords(const GuestRecords&) = delete;
  GuestRecords& operator=(const GuestRecords&) = delete;

  // Where the runtime has made this container in this sandbox, and not started it, both are
  // published, with USHER_IDENTITY_GUEST. Nothing while it is being asked already.
  void ask(const std::string& sandbox, const std::string& container);
  // Its sandbox has ended.
  void gone(const std::string& sandbox);
  // `stopped` is called once, maybe at once.
  void stop(std::function<void()> stopped);

 private:
  struct Asking;
  plugin::Flow look_up(plugin::Host host, std::string sandbox, std::string container);
  void end_if_idle();

  plugin::Host host_;
  cri::Client client_;
  std::function<void()> published_;
  std::set<std::string> asking_;     // containers
  std::set<std::string> sandboxes_;  // that were published
  bool stopping_ = false;
  std::function<void()> stopped_;
};

}  // namespace usher::kata
