// A node's worth of containers without a runtime: processes, each in a cgroup, a mount namespace
// and a pid namespace of its own. They stand for containers at the moment of their createRuntime
// hook.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

#include "base/error.hpp"

namespace usher::bench {

class Node {
 public:
  // `cgroup`: a cgroup2 directory to be made, and removed again. `root`: the processes' root
  // directory, as after the runtime made the container; empty: the node's, as at the hook.
  static Result<Node> start(const std::filesystem::path& cgroup, int containers,
                            const std::filesystem::path& root = {});
  Node(Node&& other) noexcept;
  Node& operator=(Node&&) = delete;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  const std::vector<pid_t>& pids() const { return pids_; }

 private:
  explicit Node(std::filesystem::path cgroup) : cgroup_(std::move(cgroup)) {}
  Result<> add(int index, const std::filesystem::path& root);
  std::filesystem::path cgroup_;
  std::vector<pid_t> pids_;
};

}  // namespace usher::bench
