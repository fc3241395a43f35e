#include "hooks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "base/fd.hpp"

namespace usher::kata {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStreams{10};
constexpr std::chrono::seconds kExit{1};

int left_ms(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    std::ignore = ::pipe2(ends.data(), O_CLOEXEC);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
  Fd reader;
  Fd writer;
};

// Feeds the state and reads both streams until all are through. False: the time is up.
bool communicate(Fd in, std::string_view state, Fd out, Fd err, std::string& said,
                 Clock::time_point end) {
  std::array<char, 4096> buffer{};
  ::fcntl(in.get(), F_SETFL, O_NONBLOCK);
  while (in || out || err) {
    std::array<pollfd, 3> waiting = {pollfd{in.get(), POLLOUT, 0}, pollfd{out.get(), POLLIN, 0},
                                     pollfd{err.get(), POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), left_ms(end)) == 0) {
      return false;
    }
    if (waiting[0].revents != 0) {
      const ssize_t n = ::write(in.get(), state.data(), state.size());
      state.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
      if (n < 0 || state.empty()) {
        in.reset();
      }
    }
    for (auto [stream, revents] :
         {std::pair(&out, waiting[1].revents), std::pair(&err, waiting[2].revents)}) {
      if (revents != 0) {
        const ssize_t n = ::read(stream->get(), buffer.data(), buffer.size());
        if (n <= 0) {
          stream->reset();
        } else {
          said.append(buffer.data(), static_cast<std::size_t>(n));
        }
      }
    }
  }
  return true;
}

// The wait status, or -1 where it had to be killed.
int wait_for(pid_t pid, Clock::time_point end) {
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd waiting{pidfd.get(), POLLIN, 0};
  const bool ended = ::poll(&waiting, 1, left_ms(end)) == 1;
  if (!ended) {
    ::kill(pid, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return ended ? status : -1;
}

void run_one(const std::filesystem::path& path, const std::string& type, const std::string& state) {
  Pipe in;
  Pipe out;
  Pipe err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.reader.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.writer.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.writer.get(), STDERR_FILENO);
  std::string name = path.filename();
  std::string word = type;
  std::array<char*, 3> argv = {name.data(), word.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  pid_t pid = 0;
  const auto start = Clock::now();
  const int failed =
      ::posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    std::fprintf(stderr, "hook %s cannot be started\n", path.c_str());
    return;
  }
  in.reader.reset();
  out.writer.reset();
  err.writer.reset();
  std::string said;
  const bool through = communicate(std::move(in.writer), state, std::move(out.reader),
                                   std::move(err.reader), said, Clock::now() + kStreams);
  const int status =
      wait_for(pid, Clock::now() + (through ? Clock::duration(kExit) : Clock::duration::zero()));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  std::fprintf(stderr, "hook %s: %s %d, %ld ms, said: %s\n", path.c_str(),
               status == -1        ? "killed, overdue"
               : WIFEXITED(status) ? "exit"
                                   : "signal",
               status == -1        ? 0
               : WIFEXITED(status) ? WEXITSTATUS(status)
                                   : WTERMSIG(status),
               static_cast<long>(took.count()), said.empty() ? "nothing\n" : said.c_str());
}

}  // namespace

GuestHooks::GuestHooks(const std::filesystem::path& folder) {
  for (const auto* type : {"prestart", "poststart", "poststop"}) {
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(folder / type, missing)) {
      using enum std::filesystem::perms;
      const auto status = entry.symlink_status();
      if (std::filesystem::is_regular_file(status) &&
          (status.permissions() & (owner_exec | group_exec | others_exec)) != none) {
        paths_[type].push_back(entry.path());
      }
    }
  }
}

void GuestHooks::run(std::string_view type, const std::string& state) const {
  const auto at = paths_.find(type);
  if (at == paths_.end()) {
    return;
  }
  for (const auto& path : at->second) {
    run_one(path, at->first, state);
  }
}

std::size_t GuestHooks::count() const {
  std::size_t all = 0;
  for (const auto& [type, paths] : paths_) {
    all += paths.size();
  }
  return all;
}

}  // namespace usher::kata
