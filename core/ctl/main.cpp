// usherctl: the operator's command line.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>

#include "ctl/app.hpp"

namespace {

bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
         (term == nullptr || std::strcmp(term, "dumb") != 0);
}

}  // namespace

int main(int argc, char** argv) {
  // `usherctl events | head`: the stream turns bad and the command ends, instead of dying.
  std::signal(SIGPIPE, SIG_IGN);
  // What gRPC would print about a connection is said by the command itself, in one sentence.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  try {
    return usher::ctl::run(argc, argv,
                           {.out = std::cout,
                            .err = std::cerr,
                            .in = std::cin,
                            .colour = wants_colour(),
                            .interactive = ::isatty(STDIN_FILENO) == 1},
                           {.sources = usher::ctl::this_machine});
  } catch (const std::exception& error) {
    std::cerr << "usherctl: a bug: " << error.what() << '\n';
    return usher::ctl::kFailed;
  }
}
