// nri_meddler LISTEN RUNTIME ORDER: stands between an NRI plugin and its runtime and passes on what
// each says, until the file ORDER is there: "SIDE METHOD FAULT". Then the next request (SIDE
// "request") or answer ("answer") of that method is spoilt, once, and the file is removed first.
// METHOD of a StateChange is "StateChange:EVENT", with the event's number.
//
// FAULT: stream      on another stream
//        garbage     bytes that are no ttrpc, of the same length
//        truncated   half of it, then the connection ends
//        oversized   announces 2 GiB of data
//        muxlength   announces a multiplexer's frame of 4 GiB
//        status      an error instead of what was said
//        doubled     twice
//        dropped     never
//        late        1.2 s later
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"

namespace {

using namespace usher::nri;
using usher::Fd;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw std::runtime_error(path + ": too long for a socket");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

struct Ended {};

void write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) {
      throw Ended();
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void send_on(int to, std::uint32_t connection, std::string_view message) {
  for (const auto& frame : mux_frames(connection, message)) {
    write_all(to, frame);
  }
}

// One plugin's connection, from its first byte to its end.
class Pair {
 public:
  Pair(int plugin, int runtime, std::string order)
      : sides_{Side{plugin, runtime, {}, {}, {}}, Side{runtime, plugin, {}, {}, {}}},
        order_(std::move(order)) {}

  void run() {
    for (;;) {
      std::array<pollfd, 2> polled{{{.fd = sides_[0].from, .events = POLLIN, .revents = 0},
                                    {.fd = sides_[1].from, .events = POLLIN, .revents = 0}}};
      if (::poll(polled.data(), polled.size(), -1) < 0) {
        throw Ended();
      }
      for (std::size_t i = 0; i < polled.size(); ++i) {
        if (polled[i].revents != 0) {
          take(i);
        }
      }
    }
  }

 private:
  struct Side {
    int from;
    int to;
    MuxReader mux;
    std::map<std::uint32_t, TtrpcReader> readers;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> asked;  // what `from` asked
  };

  void take(std::size_t index) {
    std::array<char, 65536> bytes;
    Side& side = sides_[index];
    const auto got = ::read(side.from, bytes.data(), bytes.size());
    if (got <= 0) {
      throw Ended();
    }
    const auto fed =
        side.mux.feed({bytes.data(), static_cast<std::size_t>(got)},
                      [&](std::uint32_t connection, std::string_view part) -> usher::Result<> {
                        std::vector<Frame> frames;
                        auto read = side.readers[connection].feed(part, frames);
                        for (const auto& frame : frames) {
                          pass(side, sides_[1 - index], connection, frame);
                        }
                        return read;
                      });
    if (!fed) {
      throw Ended();
    }
  }

  void pass(Side& side, Side& other, std::uint32_t connection, const Frame& frame) {
    const auto call = std::pair(connection, frame.stream);
    std::string what;
    if (frame.type == kRequest) {
      what = "request " + (side.asked[call] = method_of(frame));
    } else if (const auto request = other.asked.extract(call); !request.empty()) {
      what = "answer " + request.mapped();
    }
    const auto fault = what.empty() ? "" : ordered(what);
    if (!fault.empty()) {
      std::printf("%s: %s\n", what.c_str(), fault.c_str());
      std::fflush(stdout);
    }
    spoil(fault, side.to, connection, frame);
  }

  static std::string method_of(const Frame& frame) {
    const auto request = read_request(frame.data);
    if (!request) {
      return "?";
    }
    if (request->method == "StateChange" && request->payload.size() > 1) {
      return "StateChange:" + std::to_string(static_cast<int>(request->payload[1]));
    }
    return request->method;
  }

  // The fault that was ordered for it; empty: none.
  std::string ordered(const std::string& what) const {
    std::ifstream file(order_);
    std::string line;
    if (!std::getline(file, line) || !line.starts_with(what + " ")) {
      return {};
    }
    ::unlink(order_.c_str());
    return line.substr(what.size() + 1);
  }

  static void spoil(const std::string& fault, int to, std::uint32_t connection, Frame frame) {
    if (fault == "stream") {
      frame.stream += 1000;
    } else if (fault == "status") {
      frame.type = kResponse;
      frame.data = write_status({Code::unavailable, "injected"});
    }
    auto message = ttrpc_message(frame);
    if (fault == "garbage") {
      for (std::size_t i = 0; i < message.size(); ++i) {
        message[i] = static_cast<char>(0xa5 + i * 31);
      }
    } else if (fault == "oversized") {
      message.replace(0, 4, "\x7f\xff\xff\xff", 4);
    } else if (fault == "truncated") {
      const auto frames = mux_frames(connection, message);
      write_all(to, frames.front().substr(0, frames.front().size() / 2));
      throw Ended();
    } else if (fault == "muxlength") {
      write_all(to, std::string("\0\0\0\1\xff\xff\xff\xff", kMuxHeader) + message);
      return;
    } else if (fault == "late") {
      std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    } else if (fault == "doubled") {
      send_on(to, connection, message);
    } else if (fault == "dropped") {
      return;
    }
    send_on(to, connection, message);
  }

  std::array<Side, 2> sides_;
  std::string order_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: nri_meddler LISTEN RUNTIME ORDER\n");
    return 2;
  }
  try {
    const auto here = address_of(argv[1]);
    const auto there = address_of(argv[2]);
    const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::unlink(argv[1]);
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
        ::listen(listener.get(), 8) != 0) {
      throw std::runtime_error(std::string(argv[1]) + ": " + std::strerror(errno));
    }
    for (;;) {
      const Fd plugin(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const Fd runtime(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(runtime.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
        continue;
      }
      try {
        Pair(plugin.get(), runtime.get(), argv[3]).run();
      } catch (const Ended&) {
      }
    }
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "nri_meddler: %s\n", problem.what());
    return 1;
  }
}
