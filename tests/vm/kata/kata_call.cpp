// One request to the agent that is played in a virtual machine, from the host.
//
//   kata_call SOCKET REQUEST…       SOCKET: the host's end of the machine's hybrid vsock
//   kata_call SOCKET create ID FILE the specification is sent along
//
// Prints the answer; exits with 1 where that is an error, with 2 where there was none.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/channel.hpp"
#include "base/file.hpp"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: kata_call SOCKET REQUEST…\n", stderr);
    return 2;
  }
  std::string request;
  for (int i = 2; i < argc; ++i) {
    request += (i == 2 ? "" : " ") + std::string(argv[i]);
  }
  if (argc == 5 && std::string(argv[2]) == "create") {
    const auto text = usher::read_file(argv[4]);
    const auto spec =
        text ? nlohmann::ordered_json::parse(*text, nullptr, false) : nlohmann::ordered_json();
    if (!spec.is_object()) {
      std::fprintf(stderr, "kata_call: %s is no specification\n", argv[4]);
      return 2;
    }
    request = std::string("create ") + argv[3] + " " + spec.dump();
  }
  const auto answer = usher::kata::call_guest(argv[1], 1024, request);
  if (!answer) {
    std::fprintf(stderr, "kata_call: %s\n", answer.error().message.c_str());
    return 2;
  }
  std::puts(answer->c_str());
  return answer->starts_with("ok") ? 0 : 1;
}
