// The link to containerd while the agent runs: NRI where it is, CRI where it is not.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "containerd/feed.hpp"
#include "containerd/nri/client.hpp"
#include "containerd/records.hpp"
#include "containerd/settings.hpp"
#include "containerd/standing.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

// [main]
class Link {
 public:
  // So many tries after NRI was lost CRI is listed instead: a containerd that starts anew is back
  // before.
  static constexpr int kPatience = 6;
  // NRI waits so long at most for what CRI says of the runtime handlers.
  static constexpr std::chrono::milliseconds kHandlersWithin{500};
  // Until they are asked for again after no answer, doubled up to the longest.
  static constexpr std::chrono::milliseconds kHandlersAgain{100};
  static constexpr std::chrono::milliseconds kHandlersLongest{5000};

  Link(plugin::Host host, const Options& options);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void start();
  void identify(const plugin::OciState& state, plugin::Answer answer);
  void stop(plugin::Done stopped);

 private:
  nri::Client::Options client_options(const Options& options);
  void told(nri::Client::State state, const std::string& sentence);
  std::string look_for_program();
  void learn_handlers(std::function<void()> then);
  void learn_again(const std::string& why);
  void register_us();
  void end_if_stopped();

  plugin::Host host_;
  Options options_;
  Standing standing_;
  Feed feed_;
  Records records_;
  nri::Client client_;
  int misses_ = 0;
  int running_ = 0;  // parts that have not stopped
  cri::Registration patience_;
  cri::Registration again_;  // until containerd says what the handlers stand for
  std::chrono::milliseconds again_pause_ = kHandlersAgain;
  std::string not_learned_;   // why, as it was told last
  bool registering_ = false;  // the client was started
  bool stopping_ = false;
  std::unique_ptr<plugin::Done> stopped_;
};

}  // namespace usher::containerd
