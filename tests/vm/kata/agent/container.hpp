// A container of the guest, from CreateContainer to its removal.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "hooks.hpp"

namespace usher::kata {

struct Places {
  std::filesystem::path run = "/run/kata-containers";
  std::filesystem::path cgroups = "/sys/fs/cgroup";
  std::filesystem::path rootfs;  // of every container
};

class Container {
 public:
  // CreateContainer: writes the bundle, makes the cgroup, forks the container's process into
  // namespaces of its own, puts it into the cgroup while it waits before its pivot_root, runs the
  // prestart hooks, lets it go on and waits until it has come to its exec.fifo. An error: the
  // process died before; the poststop hooks were run and everything is taken back.
  static Result<Container> create(const Places& places, const std::string& id,
                                  const nlohmann::ordered_json& spec, const GuestHooks& hooks);
  Container(Container&&) = default;
  Container& operator=(Container&&) = default;
  ~Container() = default;

  // StartContainer: opens exec.fifo, so that the process executes its program, then poststart.
  Result<> start();
  // The wait status of the container's process.
  Result<int> wait();
  // A further process in it, as `kubectl exec` makes: no hook is run. Its wait status.
  Result<int> exec(const std::vector<std::string>& arguments) const;
  // RemoveContainer: kills all of it, runs poststop, takes everything back.
  void remove();

  pid_t pid() const { return pid_; }

 private:
  Container() = default;

  Result<> make(const nlohmann::ordered_json& spec);
  Result<Fd> fork_process(Fd& release);
  void run_hooks(std::string_view type, std::string_view status) const;
  void take_back();

  std::string id_;
  Places places_;
  nlohmann::ordered_json spec_;
  GuestHooks hooks_;
  std::filesystem::path bundle_;
  std::filesystem::path cgroup_;
  std::string status_ = "created";
  pid_t pid_ = 0;
  bool reaped_ = false;
  int wait_status_ = 0;
};

}  // namespace usher::kata
