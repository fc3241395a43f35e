#include "hook/guest_watchdog.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <string_view>
#include <tuple>

namespace usher::hook {
namespace {

constexpr char kGo = 'G';
constexpr char kKilled = 'K';  // the hook has done it and says why

// Standard streams to /dev/null, and nothing else open but what it needs.
void detach(int target, int channel) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd) {
    if (null >= 0) {
      ::dup2(null, fd);
    } else {
      ::close(fd);
    }
  }
  const auto low = static_cast<unsigned>(std::min(target, channel));
  const auto high = static_cast<unsigned>(std::max(target, channel));
  if (low > 3) {
    ::close_range(3, low - 1, 0);
  }
  if (high > low + 1) {
    ::close_range(low + 1, high - 1, 0);
  }
  ::close_range(high + 1, UINT_MAX, 0);
  ::setsid();
  // The bundle is this process's directory, and is unmounted when the container has failed.
  [[maybe_unused]] const int moved = ::chdir("/");
  ::prctl(PR_SET_NAME, "usher-watchdog");
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE}) {
    std::signal(signal, SIG_IGN);
  }
}

enum class End : std::uint8_t { go, killed, hook_gone, late };

// What the hook has said until now; `late` where that is nothing.
End said(int channel) {
  char byte = 0;
  ssize_t n = 0;
  do {
    n = ::recv(channel, &byte, 1, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    return End::late;
  }
  return n == 0 ? End::hook_gone : byte == kGo ? End::go : End::killed;
}

End wait_for_end(int channel, const Deadline& deadline) {
  for (;;) {
    pollfd waiting{channel, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, deadline.remaining_ms());
    if (ready > 0) {
      return said(channel);
    }
    if (ready == 0 || errno != EINTR) {
      // From here on the hook cannot say GO any more; a GO that came just before still counts.
      ::shutdown(channel, SHUT_RD);
      const End last = said(channel);
      return last == End::go ? End::go : End::late;
    }
  }
}

// The hook's own words went to a stream that it took along.
void tell_kernel_log(std::string_view line) {
  const Fd log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NONBLOCK));
  if (log) {
    [[maybe_unused]] const ssize_t written = ::write(log.get(), line.data(), line.size());
  }
}

[[noreturn]] void watch(const Target& target, const Fd& channel, const Deadline& deadline) {
  detach(target.fd(), channel.get());
  const End end = wait_for_end(channel.get(), deadline);
  if (end == End::go) {
    ::_exit(0);
  }
  std::ignore = target.kill();
  if (end == End::hook_gone) {
    tell_kernel_log("<3>usher-hook: the hook ended before its verdict; the container was killed");
  } else if (end == End::late) {
    tell_kernel_log("<3>usher-hook: the hook gave no verdict in time; the container was killed");
  }
  ::_exit(1);
}

}  // namespace

Result<Watchdog> Watchdog::start(const Target& target, const Deadline& deadline) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_system("cannot make the watchdog's socket");
  }
  Fd theirs(ends[0]);
  Fd ours(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    return fail_system("cannot fork the watchdog");
  }
  if (child == 0) {
    ours.reset();  // else it would never see the end
    watch(target, theirs, deadline);
  }
  return Watchdog(std::move(ours));
}

bool Watchdog::disarm() {
  return say(kGo);
}

void Watchdog::container_killed() {
  say(kKilled);
}

bool Watchdog::say(char byte) {
  ssize_t n = 0;
  do {
    n = ::send(channel_.get(), &byte, 1, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n == 1;
}

}  // namespace usher::hook
