// usherctl: the operator's command line.
#include <poll.h>
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

// `usherctl events | head` has shown what was wanted.
bool reader_is_gone() {
  pollfd out{STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

}  // namespace

int main(int argc, char** argv) {
  // `usherctl events | head`: the stream turns bad and the command ends, instead of dying.
  std::signal(SIGPIPE, SIG_IGN);
  // What gRPC would print about a connection is said by the command itself, in one sentence.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  try {
    const int code = usher::ctl::run(argc, argv,
                                     {.out = std::cout,
                                      .err = std::cerr,
                                      .in = std::cin,
                                      .colour = wants_colour(),
                                      .interactive = ::isatty(STDIN_FILENO) == 1},
                                     {.sources = usher::ctl::this_machine});
    if (!std::cout.flush() && code == usher::ctl::kOk && !reader_is_gone()) {
      std::cerr
          << "usherctl: the answer could not be written to standard output; is its disk full, "
             "or is it closed?\n";
      return usher::ctl::kFailed;
    }
    return code;
  } catch (const std::exception& error) {
    std::cerr << "usherctl: a bug: " << error.what() << '\n';
    return usher::ctl::kFailed;
  }
}
