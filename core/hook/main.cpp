// usher-hook: reads the container's state, asks the agent, says how it ended. Its life is a few
// hundred microseconds of a container's start: nothing is set up that the good path does not use.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "hook/client.hpp"
#include "hook/conclude.hpp"
#include "hook/guest.hpp"
#include "hook/input.hpp"
#include "hook/options.hpp"
#include "hook/syslog.hpp"
#include "hook/wire.hpp"

namespace usher::hook {
namespace {

constexpr int kUsageError = 2;

void write_to(int fd, std::string_view text) {
  // A runtime that closed our standard error must not turn a verdict into a death by signal.
  std::signal(SIGPIPE, SIG_IGN);
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

int end_with(const Ending& ending) {
  if (!ending.sentence.empty()) {
    write_to(STDERR_FILENO, "usher-hook: " + ending.sentence + "\n");
    if (::isatty(STDERR_FILENO) == 0) {  // a person at a terminal has read it
      write_syslog(kSyslogSocket, ending.status != 0, ending.sentence);
    }
  }
  return ending.status;
}

// The state is drained even when the hook was installed with wrong arguments (see input.hpp); a
// person who tries it out at a terminal does not have to end the input first.
int usage_error(std::string_view why) {
  if (::isatty(STDIN_FILENO) == 0) {
    std::ignore = read_state_bytes(STDIN_FILENO, Deadline(kHintTimeout));
  }
  return end_with({kUsageError, std::string(why)});
}

// A guest has no system log; its runtime logs what hooks write to standard error.
int end_in_guest(const Ending& ending) {
  if (!ending.sentence.empty()) {
    write_to(STDERR_FILENO, "usher-hook: " + ending.sentence + "\n");
  }
  return ending.status;
}

int run(std::span<const char* const> arguments) {
  if (arguments.size() == 1) {  // all that a guest's runtime gives; on the host it is too little
    const std::string program = own_program();
    if (const auto stage = guest_stage(arguments, program)) {
      return end_in_guest(run_guest(*stage, program));
    }
  }
  const auto options = parse_options(arguments);
  if (!options) {
    return usage_error(options.error().message);
  }
  if (options->action == Action::help || options->action == Action::version) {
    write_to(STDOUT_FILENO, options->action == Action::help
                                ? help_text()
                                : std::string_view("usher-hook " USHER_VERSION "\n"));
    return 0;
  }
  const Deadline deadline(options->timeout);
  const auto state = read_state_bytes(STDIN_FILENO, deadline);
  if (!state) {
    return end_with(conclude_unreadable(*options, state.error().message));
  }
  if (options->action == Action::print) {
    write_to(STDOUT_FILENO, describe(*options, *state));
    return 0;
  }
  const std::string request =
      encode_request(options->stage, options->runtime, *state, USHER_VERSION);
  return end_with(conclude(*options, call(options->socket, request, deadline), *state));
}

}  // namespace
}  // namespace usher::hook

int main(int argc, char** argv) {
  int status = 1;
  try {
    const std::span<const char* const> all(argv, static_cast<std::size_t>(argc));
    status = usher::hook::run(all.subspan(all.empty() ? 0 : 1));
  } catch (const std::exception& error) {
    status = usher::hook::end_with(
        {1, std::string("this container is not started because of a fault in the hook: ") +
                error.what() + "; please report it"});
  }
  // Nothing is left to undo: the kernel takes back memory and sockets faster than destructors.
  ::_exit(status);
}
