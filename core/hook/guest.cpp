#include "hook/guest.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <filesystem>
#include <string>
#include <tuple>
#include <utility>

#include "hook/guest_config.hpp"
#include "hook/guest_relay.hpp"
#include "hook/guest_state.hpp"
#include "hook/guest_target.hpp"
#include "hook/guest_watchdog.hpp"
#include "hook/input.hpp"
#include "hook/wire.hpp"

namespace usher::hook {
namespace {

using std::chrono::milliseconds;
using Kind = Outcome::Kind;

// What the guest's agent knows its containers' runtime by.
constexpr std::string_view kRuntime = "kata";
// The hook stops asking this long before the watchdog acts, so that it is the one that says why.
constexpr milliseconds kMargin{200};
constexpr milliseconds kHint{500};

constexpr std::array<Stage, 3> kGuestStages = {Stage::prestart, Stage::poststart, Stage::poststop};

Result<GuestConfig> config_beside(std::string_view program) {
  if (program.empty()) {
    return fail("/proc/self/exe cannot be read, so usher-hook.conf cannot be found");
  }
  return read_guest_config(std::filesystem::path(program).parent_path().parent_path() /
                           kGuestConfigName);
}

std::string name_of(const GuestConfig& config) {
  if (!config.agent.empty()) {
    return "the guest's agent at " + shown(config.agent);
  }
  return "the relay at " + (config.relay_path.empty()
                                ? "vsock port " + std::to_string(config.relay_port)
                                : shown(config.relay_path));
}

Outcome ask(const GuestConfig& config, const GuestState& who, std::string_view state,
            const Deadline& deadline) {
  if (config.agent.empty()) {
    return ask_relay(config, who.id, deadline);
  }
  return call(config.agent, encode_request(Stage::prestart, kRuntime, state, USHER_VERSION),
              deadline);
}

std::string why_not(const GuestConfig& config, const Outcome& outcome) {
  const std::string who = name_of(config);
  const std::string said = shown(outcome.message);
  switch (outcome.kind) {
    case Kind::refused:
      return who + " refused this container: " + said;
    case Kind::unavailable:
      return who + " could not be reached within " + std::to_string(config.deadline.count()) +
             " ms (" + said + ")";
    case Kind::late:
      return who + " gave no verdict within " + std::to_string(config.deadline.count()) + " ms (" +
             said + ")";
    default:
      return who + " cannot be asked (" + said + ")";
  }
}

Ending killed(const Target& target, Watchdog* watchdog, const std::string& why) {
  if (const auto done = target.kill(); !done) {
    return {1, why + "; the container may run nevertheless: " + done.error().message};
  }
  if (watchdog != nullptr) {
    watchdog->container_killed();
  }
  return {1, why + "; the container's process was killed"};
}

// Whoever runs the hook may have closed the standard streams. What is opened would take their
// numbers, over which the watchdog lays /dev/null: it could not kill any more.
void fill_streams() {
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) {
    ::close(fd);
  }
}

Ending gate(const Result<GuestConfig>& config) {
  const milliseconds allowed = config ? config->deadline : GuestConfig().deadline;
  const Deadline deadline(allowed);
  const Deadline asking(allowed - kMargin);
  std::string state;
  const auto read = read_state_bytes(STDIN_FILENO, asking, state);
  const GuestState who = parse_guest_state(state);
  const std::string unreadable = !read ? read.error().message : who.problem;
  if (who.pid == 0) {
    return {1, unreadable + "; nothing could be killed, and the container may run"};
  }
  const auto target = Target::open(who.pid);
  if (!target) {
    return {1, target.error().message};
  }
  // From here on the container is killed, whatever becomes of this process.
  auto watchdog = Watchdog::start(*target, deadline);
  if (!watchdog) {
    return killed(*target, nullptr, watchdog.error().message);
  }
  if (!unreadable.empty()) {
    return killed(*target, &*watchdog, unreadable);
  }
  if (!config) {
    return killed(*target, &*watchdog, config.error().message);
  }
  const Outcome outcome = ask(*config, who, state, asking);
  const bool open = outcome.kind == Kind::unavailable && config->fail_open;
  if (outcome.kind != Kind::go && !open) {
    return killed(*target, &*watchdog, why_not(*config, outcome));
  }
  if (!watchdog->disarm()) {
    return killed(*target, &*watchdog,
                  "the verdict came too late, or the hook's watchdog was ended");
  }
  if (open) {
    return {0, why_not(*config, outcome) + ", and this container starts without policy because " +
                   std::string(kGuestConfigName) + " says fail = open"};
  }
  return {};
}

Ending hint(Stage stage, const Result<GuestConfig>& config) {
  const Deadline deadline(kHint);
  std::string state;
  const auto read = read_state_bytes(STDIN_FILENO, deadline, state);
  if (!config) {
    return {0, config.error().message + "; the container is not affected"};
  }
  if (config->agent.empty()) {
    return {};  // the relay learns of a container's life from the host's runtime
  }
  if (!read) {
    return {0, read.error().message + "; the container is not affected"};
  }
  const Outcome outcome =
      call(config->agent, encode_request(stage, kRuntime, state, USHER_VERSION), deadline);
  if (outcome.kind == Kind::go) {
    return {};
  }
  return {0, name_of(*config) + " was not told of this " + std::string(stage_name(stage)) + " (" +
                 shown(outcome.message) + "); the container is not affected"};
}

}  // namespace

std::optional<Stage> guest_stage(std::span<const char* const> arguments, std::string_view program) {
  constexpr std::string_view kPrefix = "guest-";
  if (arguments.size() != 1) {
    return std::nullopt;
  }
  std::string_view word = arguments[0];
  if (word.starts_with(kPrefix)) {
    word.remove_prefix(kPrefix.size());
  } else {
    // A binary that cannot be told where it lies is better taken for the gate that kills than for
    // one whose exit status is ignored.
    const auto folder = std::filesystem::path(program).parent_path().filename();
    if (!program.empty() && folder != word) {
      return std::nullopt;
    }
  }
  const auto* const at = std::ranges::find(kGuestStages, word, &stage_name);
  return at == kGuestStages.end() ? std::nullopt : std::optional(*at);
}

std::string own_program() {
  std::array<char, PATH_MAX> path;  // NOLINT(*-member-init): read into
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
  return {path.data(), static_cast<std::size_t>(std::clamp<ssize_t>(n, 0, PATH_MAX))};
}

Ending run_guest(Stage stage, std::string_view program) {
  fill_streams();
  const auto config = config_beside(program);
  return is_hint(stage) ? hint(stage, config) : gate(config);
}

}  // namespace usher::hook
