// The real containerd is started on what a configuration will be, beside the one that runs and
// without a trace: with directories, sockets, mounts and a network of its own, which go with it.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "containerd/install/draft.hpp"
#include "containerd/install/in_force.hpp"
#include "containerd/install/programs.hpp"
#include "containerd/install/settings.hpp"
#include "install/apart.hpp"
#include "install/node.hpp"

namespace usher::containerd {

// Holds back the signals that end a program while what was written may have to be put back; they
// take effect when this goes.
class SignalsHeld {
 public:
  SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld();

  static bool one_waits();

 private:
  sigset_t before_;
};

class Trial {
 public:
  // `files`: what is in another file's place, or, of the configuration itself, would be made.
  Trial(const InstallOptions& options, const install::Node& node, const Programs& programs,
        const Draft& draft)
      : options_(options), node_(node), programs_(programs), draft_(draft) {}

  // Is what containerd makes of the configuration, with these files of it as they would be, what is
  // meant, and does it start on it until CRI answers? Only what it meets at its start is seen: no
  // pod is begun. Errors: why not, in containerd's own words where it has some.
  Result<> run(const std::vector<const DraftFile*>& files) const { return run(files, true); }
  // Does it start on the files that are there now, whatever they say?
  Result<> run_as_it_is() const { return run({}, false); }

  // What one that was killed has left. Only under the installer's lock.
  static Result<> remove_leftovers(const InstallOptions& options, const install::Node& node,
                                   const std::string& root);

 private:
  class Place;

  Result<> run(const std::vector<const DraftFile*>& files, bool as_meant) const;
  Result<> compare(const Place& place, const Handlers& told) const;
  Result<std::string> dump(const Place& place, const std::vector<const DraftFile*>& files) const;
  // Until CRI answers: what it says of its runtimes.
  Result<Handlers> start(const Place& place, const std::string& dump) const;
  Result<Handlers> wait(const Place& place, install::Apart& started) const;

  const InstallOptions& options_;
  const install::Node& node_;
  const Programs& programs_;
  const Draft& draft_;
};

// Of what containerd has written to its log: why CRI, or all of it, did not come up.
std::string reason_in(std::string_view log);

}  // namespace usher::containerd
