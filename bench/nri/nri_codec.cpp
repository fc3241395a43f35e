// How fast NRI is read: a recorded session again and again through multiplexer, ttrpc and messages,
// and every request's answer written.
//
//   nri_codec SESSION.bin SECONDS
//
// Prints NAME VALUE lines for bench/run.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "containerd/nri/answers.hpp"
#include "containerd/nri/messages.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"

namespace {

using namespace usher::nri;
using Clock = std::chrono::steady_clock;

// Frames of one session that were read, and answered where they ask; 0: it cannot be read.
std::size_t replay(const std::string& session) {
  MuxReader mux;
  TtrpcReader asked;
  TtrpcReader answered;
  std::vector<Frame> frames;
  const auto fed = mux.feed(session, [&](std::uint32_t connection, std::string_view part) {
    return (connection == kPluginConnection ? asked : answered).feed(part, frames);
  });
  std::size_t written = 0;
  for (const auto& frame : frames) {
    if (frame.type != kRequest) {
      continue;
    }
    const auto request = read_request(frame.data);
    if (!request || (is_notice(request->method) &&
                     !read_notice(request->method, request->payload).has_value())) {
      return 0;
    }
    for (const auto& out : mux_frames(
             kPluginConnection, ttrpc_message({frame.stream, kResponse, 0, write_response("")}))) {
      written += out.size();
    }
  }
  return fed && written != 0 ? frames.size() : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: nri_codec SESSION.bin SECONDS\n", stderr);
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string session((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
  const auto begun = Clock::now();
  const auto end = begun + std::chrono::duration<double>(std::atof(argv[2]));
  std::size_t frames = 0;
  std::size_t rounds = 0;
  while (Clock::now() < end) {
    const auto read = replay(session);
    if (read == 0) {
      std::fprintf(stderr, "nri_codec: %s is no recorded session\n", argv[1]);
      return 1;
    }
    frames += read;
    ++rounds;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::printf("frames_per_second %.0f\nmib_per_second %.1f\n",
              static_cast<double>(frames) / seconds,
              static_cast<double>(rounds * session.size()) / seconds / (1U << 20));
  return 0;
}
