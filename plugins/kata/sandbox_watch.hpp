// Watches the directories that Kata makes for its sandboxes, and listens in each where a guest's
// hybrid vsock comes out, before the sandbox's first hook.
#pragma once

#include <sys/inotify.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cri/loop.hpp"
#include "kata/acceptor.hpp"
#include "kata/places.hpp"
#include "kata/uds.hpp"

namespace usher::kata {

// [main]
class SandboxWatch {
 public:
  struct Options {
    std::vector<Place> places;
    std::uint32_t port = 0;
    uid_t trusted = 0;
  };
  struct Handlers {
    // A sandbox has a directory. `is_short`: its name is not the whole id.
    std::function<void(const std::string& name, bool is_short)> came;
    // It has none any more.
    std::function<void(const std::string& name)> went;
    // Somebody connected; `owner` is the directory's.
    std::function<void(const std::string& name, uid_t owner, Fd peer)> connected;
    // Something keeps a guest from being heard; once for each sentence and sandbox. No name: all.
    std::function<void(const std::string& name, const std::string& sentence)> problem;
  };

  SandboxWatch(cri::Loop loop, Options options, Handlers handlers);
  SandboxWatch(const SandboxWatch&) = delete;
  SandboxWatch& operator=(const SandboxWatch&) = delete;
  ~SandboxWatch() { stop(); }

  // What is there already is told during the call.
  void start();
  // Listens where this sandbox has a directory that was not heard of yet, and again where its
  // socket has vanished.
  void look_at(const std::string& name);
  // Every socket that was made is removed. Nothing is told.
  void stop();
  std::size_t listening() const;

 private:
  struct Listener {
    Uds uds;
    std::unique_ptr<Acceptor> acceptor;
  };
  struct Base {
    std::vector<const Place*> places;
    std::set<std::string> sandboxes;
    bool watched = false;  // it is there
  };
  // One of three: a base, a directory of a sandbox in it, one above bases that are not there.
  struct Watched {
    std::string base = {};
    std::string sandbox = {};
    std::set<std::string> awaited = {};
  };

  void read();
  using Touched = std::set<std::pair<std::string, std::string>>;  // base, sandbox
  void event(int watch, std::uint32_t mask, const char* name, Touched& touched);
  void scan_all();
  void scan(const std::string& base);
  void scan_missing();
  void watch_base(const std::string& base);
  void ensure(const std::string& base, const std::string& sandbox);
  void listen(const Place& place, const std::string& sandbox);
  Result<std::unique_ptr<Acceptor>> accept_on(int listener, uid_t owner,
                                              const std::string& sandbox);
  void drop(const std::string& base, const std::string& sandbox);
  bool is_anywhere(const std::string& sandbox) const;
  void problem(const std::string& sandbox, const std::string& sentence);
  void poll_later();

  cri::Loop loop_;
  Options options_;
  Handlers handlers_;
  Fd inotify_;
  cri::Registration readable_;
  cri::Registration again_;
  std::map<std::string, Base> bases_;
  std::map<int, Watched> watched_;                     // by inotify's watch descriptor
  std::map<std::string, Listener> listeners_;          // by the socket's path
  std::map<std::string, std::set<std::string>> told_;  // problems, by sandbox
};

}  // namespace usher::kata
