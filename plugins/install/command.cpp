#include "install/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "base/fd.hpp"
#include "install/exec_words.hpp"

namespace usher::install {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_system("no pipe for its answer");
  }
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<pid_t> spawn(std::vector<std::string> arguments, std::vector<std::string> environment,
                    int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  const auto args = exec_words(arguments);
  const auto env = exec_words(environment);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, args[0], &actions, &attributes, args.data(), env.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return fail_system("it cannot be run", error,
                       error == EACCES ? "is it executable, and its mount not noexec?" : "");
  }
  return pid;
}

int milliseconds_left(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

// What has come. False: the end.
Result<bool> take(int fd, std::string& text, std::size_t limit) {
  std::array<char, 16384> buffer{};
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0) {
    return errno == EINTR || errno == EAGAIN ? Result<bool>(true)
                                             : fail_system("its answer cannot be read");
  }
  if (text.size() + static_cast<std::size_t>(n) > limit) {
    return fail("it prints more than " + std::to_string(limit) + " bytes");
  }
  text.append(buffer.data(), static_cast<std::size_t>(n));
  return n != 0;
}

Result<> read_both(std::array<Fd, 2>& from, Output& output, Clock::time_point until,
                   std::size_t limit) {
  while (from[0] || from[1]) {
    std::array<pollfd, 2> ready{{{from[0].get(), POLLIN, 0}, {from[1].get(), POLLIN, 0}}};
    const int left = milliseconds_left(until);
    if (left == 0 || ::poll(ready.data(), ready.size(), left) == 0) {
      return fail(from[0] ? "it does not answer" : "it does not end", ETIMEDOUT);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      if (!from[i] || ready[i].revents == 0) {
        continue;
      }
      const auto more = take(from[i].get(), i == 0 ? output.out : output.err, limit);
      if (!more) {
        return std::unexpected(more.error());
      }
      if (!*more) {
        from[i].reset();
      }
    }
  }
  return {};
}

// One that has closed its output may go on.
Result<> wait_end(pid_t pid, Clock::time_point until) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (;;) {
    pollfd over{process.get(), POLLIN, 0};
    const int ready = process ? ::poll(&over, 1, milliseconds_left(until)) : 0;
    if (ready > 0) {
      return {};
    }
    if (ready == 0 || errno != EINTR) {
      return fail("it does not end", ETIMEDOUT);
    }
  }
}

}  // namespace

Result<Output> run_command(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment,
                           std::chrono::milliseconds deadline, std::size_t limit) {
  const auto until = Clock::now() + deadline;
  auto out = make_pipe();
  auto err = make_pipe();
  for (const auto* pipe : {&out, &err}) {
    if (!*pipe) {
      return std::unexpected(pipe->error());
    }
  }
  const auto pid = spawn(arguments, environment, out->write_end.get(), err->write_end.get());
  if (!pid) {
    return std::unexpected(pid.error());
  }
  out->write_end.reset();
  err->write_end.reset();
  std::array<Fd, 2> from{std::move(out->read_end), std::move(err->read_end)};
  Output output;
  auto done = read_both(from, output, until, limit);
  if (done) {
    done = wait_end(*pid, until);
  }
  if (!done) {
    ::kill(-*pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (!done) {
    return std::unexpected(std::move(done.error()));
  }
  return output;
}

}  // namespace usher::install
