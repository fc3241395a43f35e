// Stands for containerd on an NRI socket: takes one plugin and tells it of pods and containers.
// Blocking; whatever goes wrong ends the program with a sentence.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/fd.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"
#include "nri/nri.pb.h"

namespace usher::test {

class NriRuntime {
 public:
  // Listens.
  explicit NriRuntime(const std::string& socket);
  // Takes the plugin that comes, and tells it that nothing runs yet.
  void accept();
  // Returns when it was answered without an error.
  void ask(const std::string& method, const google::protobuf::MessageLite& message);

 private:
  void send(std::uint32_t connection, const nri::Frame& frame);
  void read();

  Fd listener_;
  Fd peer_;
  nri::MuxReader mux_;
  nri::TtrpcReader plugin_;
  nri::TtrpcReader runtime_;
  std::map<std::uint32_t, std::string> answers_;
  std::uint32_t next_ = 1;
  bool registered_ = false;
};

// The event's number as NRI has it.
inline constexpr int kRunPodSandbox = 1;
inline constexpr int kStartContainer = 6;

}  // namespace usher::test
