// containerd's own records over CRI, for where NRI tells nothing: they are joined with what a
// hook's state says of a container, and listed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "containerd/install/handlers.hpp"
#include "containerd/settings.hpp"
#include "cri/lister.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

// [main]
class Records {
 public:
  // Hears how the list stands, while there is one: a USHER_HEALTHY… and a sentence.
  using Tell = std::function<void(std::uint32_t health, const std::string& sentence)>;

  // `elsewhere`: whose containers are another kernel's and not listed.
  Records(plugin::Host host, cri::Loop loop, const Options& options, Tell tell,
          std::function<bool(const cri::Sandbox&)> elsewhere);
  ~Records();
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  // Lists what runs and publishes it, now and whenever containerd has come back.
  void begin_listing();
  // Somebody else lists from now on; nothing of a list is published any more.
  void end_listing();
  // `who` joined with the record of its sandbox. A disagreement is refused. Where containerd does
  // not answer in time, `who` alone: labels and handler are not known then, and where this lists,
  // it lists again to learn them.
  plugin::Flow answer(plugin::Host host, plugin::Identity who, plugin::Answer answer);
  // Asks what the runtime handlers stand for; `then` hears it once, maybe at once.
  cri::Detached handlers(std::function<void(Result<Handlers>)> then);
  void stop(std::function<void()> stopped);

 private:
  struct Asking;
  void end_if_idle();

  plugin::Host host_;
  cri::Lister::Options options_;
  cri::Client client_;
  std::shared_ptr<cri::Lister> lister_;
  std::size_t busy_ = 0;  // questions and lists that have not ended
  bool stopping_ = false;
  std::function<void()> stopped_;
};

}  // namespace usher::containerd
