// What NRI's events mean to the agent: sandboxes, containers that run, and the gate at a
// container's start.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "containerd/hook_watch.hpp"
#include "containerd/install/handlers.hpp"
#include "containerd/nri/answers.hpp"
#include "containerd/nri/client.hpp"
#include "containerd/outbox.hpp"
#include "containerd/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::containerd {

// [main]
class Feed : public nri::Service {
 public:
  struct Options {
    Mode mode = Mode::closed;
    bool fails_open = false;                 // the hook, where it gets no answer
    nri::Hooks injected;                     // what CreateContainer adds, with Mode::inject
    std::vector<std::string> kata_handlers;  // globs of those that a person says are Kata
    // Why `injected` would keep a container from being made; empty: it does not.
    std::function<std::string()> program_problem;
  };
  Feed(plugin::Host host, cri::Loop loop, Options options);

  Result<std::int32_t> configure(const nri::Configure& runtime) override;
  Result<> synchronize(nri::Synchronize part) override;
  void notice(nri::Notice notice, nri::Reply reply) override;

  // What NRI told of it, as long as it is there; null where it told nothing.
  const nri::Pod* pod(const std::string& sandbox) const;
  // Called before each list is told.
  std::function<void()> before_list;
  // What is wrong with the hook, each time that changes; empty: nothing that was seen.
  std::function<void(const std::string& problem)> hook_problem;
  // What the runtime handlers stand for; until it is told, their names say it.
  void know(Handlers handlers) { handlers_ = std::move(handlers); }
  // Its containers are another kernel's.
  bool is_kata(const cri::Sandbox& pod) const { return !why_kata(pod).empty(); }
  // The hook was called for that container.
  void hooked(const std::string& container) { hooks_.called(container); }
  void stop();

 private:
  void list();
  void tell(plugin::Event event);
  void sandbox(nri::Pod pod);
  void pause(const nri::Pod& pod, nri::Reply reply);
  void pause_runs(const nri::Pod& pod);
  bool has_pause(const nri::Pod& pod) const;
  void running(const nri::Pod& pod, const nri::Container& container);
  void gone(std::uint32_t kind, const nri::Notice& notice);
  void starting(const nri::Notice& notice, nri::Reply reply);
  plugin::Flow gate(plugin::Host host, plugin::Event event, nri::Reply reply);
  void watch_hook(const nri::Pod& pod, const std::string& container);
  std::string why_kata(const cri::Sandbox& pod) const;
  bool passes_as_kata(const nri::Pod& pod, const std::string& container);
  // Does this agent take containers of guests?
  bool takes_guests() const;
  // Told where it is one; its gate is its guest's claim, which a relay's adapter makes.
  void made_for_guest(const nri::Pod& pod, const nri::Container& container);
  void runs_in_guest(const nri::Pod& pod, const nri::Container& container);

  plugin::Host host_;
  Options options_;
  Outbox outbox_;
  HookWatch hooks_;
  nri::Synchronize parts_;  // of a list that is not whole yet
  bool listing_ = false;
  std::map<std::string, nri::Pod, std::less<>> pods_;  // by sandbox id
  std::map<std::string, std::uint64_t> kata_;          // passed so far, by runtime handler
  Handlers handlers_;
  bool pause_waits_ = false;  // this containerd tells of a sandbox before its process starts
};

}  // namespace usher::containerd
