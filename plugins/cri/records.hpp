// What a runtime's CRI messages say of pods and containers, checked and bounded. Pure: the bytes
// are the runtime's, but much in them is a pod author's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "cri/texts.hpp"

namespace usher::cri {

// A pod's sandbox. Namespace, name and uid are the metadata that the kubelet gave; labels of the
// same meaning (io.kubernetes.pod.*) are left out of `labels`, whatever they say.
struct Sandbox {
  std::string id;
  std::string pod_namespace;
  std::string pod_name;
  std::string pod_uid;
  std::string runtime_handler;
  bool ready = false;
  Labels labels;
  std::string labels_problem;  // why they cannot be taken: they are not known then
  bool operator==(const Sandbox&) const = default;
};

struct Container {
  std::string id;
  std::string sandbox_id;
  std::string name;
  std::string image;  // the name that was asked for, where the runtime gives it
  bool running = false;
  bool created = false;  // and not started
};

struct RuntimeVersion {
  std::string name;
  std::string version;
};

// One bad record does not spoil a list: what is wrong with it is in `problems`, which names it. A
// sandbox whose labels alone are bad is there, without labels.
template <class T>
struct List {
  std::vector<T> items;
  std::vector<std::string> problems;
};

// Each takes a response message of runtime.v1.
Result<RuntimeVersion> read_version(std::string_view message);
Result<List<Sandbox>> read_sandboxes(std::string_view message);
Result<Sandbox> read_sandbox_status(std::string_view message);
Result<List<Container>> read_containers(std::string_view message);
// The pid on the host out of a verbose status; 0 where the runtime does not say.
Result<int> read_container_pid(std::string_view message);
// The text "config" out of a verbose status.
Result<std::string> read_config(std::string_view message);

}  // namespace usher::cri
