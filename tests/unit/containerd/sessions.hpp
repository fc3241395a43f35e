// The recorded sessions of tests/fixtures/nri, and a reader of one direction of one: the codecs in
// a row, as the connection uses them.
#pragma once

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/nri/answers.hpp"
#include "containerd/nri/messages.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"

namespace usher::nri::test {

inline std::string session_bytes(const std::string& name) {
  std::ifstream file(std::string(TEST_SOURCE_DIR) + "/fixtures/nri/" + name + ".bin",
                     std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  BOOST_REQUIRE_MESSAGE(!bytes.empty(), "no recorded session " + name);
  return bytes;
}

struct Replay {
  MuxReader mux;
  std::map<std::uint32_t, TtrpcReader> connections;
  std::map<std::uint32_t, std::vector<Frame>> frames;

  Result<> feed(std::string_view bytes) {
    return mux.feed(bytes, [this](std::uint32_t connection, std::string_view part) -> Result<> {
      if (connection != kPluginConnection && connection != kRuntimeConnection) {
        return {};
      }
      return connections[connection].feed(part, frames[connection]);
    });
  }
  // "Method" or "StateChange:number" of each request, and what could not be read.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (const auto& frame : frames[kPluginConnection]) {
      const auto request = read_request(frame.data);
      if (frame.type != kRequest || !request) {
        out.push_back("unreadable");
      } else if (request->method == "Configure") {
        const auto read = read_configure(request->payload);
        out.push_back(read ? "Configure " + read->runtime_name + " " + read->runtime_version
                           : "bad Configure");
      } else if (request->method == "Synchronize") {
        out.push_back(read_synchronize(request->payload) ? "Synchronize" : "bad Synchronize");
      } else if (!is_notice(request->method)) {
        out.push_back("unknown " + request->method);
      } else if (const auto notice = read_notice(request->method, request->payload)) {
        out.push_back(request->method + ":" +
                      std::to_string(static_cast<std::int32_t>(notice->event)));
      } else {
        out.push_back("bad " + request->method);
      }
    }
    return out;
  }
};

}  // namespace usher::nri::test
