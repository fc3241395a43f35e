#include "cri-o/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

#include "base/escape.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kName = "usher-hook";
constexpr std::size_t kEnoughUsers = 3;
constexpr std::size_t kMaxRecords = 4096;
constexpr std::size_t kMaxRecord = 4U << 20;

bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view(".+~-").find(c) != std::string_view::npos;
  });
}

// Everything that comes out of `fd` until its end, at most 256 bytes of it.
Result<std::string> output_of(int fd, Clock::time_point until) {
  std::string text;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd ready{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) == 0) {
      return fail("it does not answer", ETIMEDOUT);
    }
    std::array<char, 256> buffer{};
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
      return fail_system("its answer cannot be read");
    }
    if (n == 0) {
      return text;
    }
    if (n > 0) {
      text.append(buffer.data(), std::min<std::size_t>(static_cast<std::size_t>(n), 256));
      text.resize(std::min<std::size_t>(text.size(), 256));
    }
  }
}

Result<pid_t> spawn(const fs::path& file, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string name(kName);
  std::string flag = "--version";
  std::array<char*, 3> args{name.data(), flag.data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, file.c_str(), &actions, &attributes, args.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return fail_system("it cannot be run", error,
                       error == EACCES ? "is it executable, and its mount not noexec?" : "");
  }
  return pid;
}

// False: it still runs then, or that cannot be told.
bool ends_by(pid_t pid, Clock::time_point until) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd over{process.get(), POLLIN, 0};
    const int ready =
        process ? ::poll(&over, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) : 0;
    if (ready >= 0 || errno != EINTR) {
      return ready > 0;
    }
  }
}

Result<std::string> ask_version(const fs::path& file, std::chrono::milliseconds deadline) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_system("no pipe for its answer");
  }
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const auto pid = spawn(file, write_end.get());
  if (!pid) {
    return std::unexpected(pid.error());
  }
  write_end.reset();
  const auto until = Clock::now() + deadline;
  auto answer = output_of(read_end.get(), until);
  // One that has closed its output may go on.
  if (answer && !ends_by(*pid, until)) {
    answer = fail("it does not end", ETIMEDOUT);
  }
  if (!answer) {
    ::kill(*pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (answer && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
    return fail("it fails");
  }
  return answer;
}

bool names(const Node& node, const fs::path& file, std::string_view what) {
  const auto content = node.read(file, kMaxRecord);
  // What cannot be read may well name it.
  return !content || (*content && (*content)->find(what) != std::string::npos);
}

// Where runc, crun, CRI-O and podman keep a container's record while it exists.
constexpr std::pair<const char*, const char*> kRecords[] = {
    {"/run/runc", "state.json"},
    {"/run/crun", "config.json"},
    {"/run/containers/storage/overlay-containers", "userdata/config.json"},
};

}  // namespace

Result<std::string> version_of(const fs::path& file, std::chrono::milliseconds deadline) {
  const auto answer = ask_version(file, deadline);
  const std::string tried = escape(file.string()) + " --version";
  if (!answer) {
    return fail_in(tried, answer.error());
  }
  std::string_view text = *answer;
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  if (!text.starts_with("usher-hook ") || !is_version(text.substr(kName.size() + 1))) {
    return fail(tried + ": it says \"" + escape(text) + "\", which no usher-hook says");
  }
  return std::string(text.substr(kName.size() + 1));
}

std::chrono::milliseconds patience(const HookOptions& options) {
  return options.may_wait ? std::chrono::seconds(5) : std::chrono::seconds(1);
}

std::string program_path(const HookOptions& options, const std::string& version) {
  return options.hook_dir + (options.hook_dir == "/" ? "" : "/") + std::string(kName) + "-" +
         version;
}

std::vector<std::string> installed_programs(const Node& node, const HookOptions& options) {
  std::vector<std::string> found;
  std::error_code error;
  const std::string prefix = std::string(kName) + "-";
  for (fs::directory_iterator it(node.follow(options.hook_dir), error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename();
    if (name.starts_with(prefix) && is_version(std::string_view(name).substr(prefix.size()))) {
      found.push_back(program_path(options, name.substr(prefix.size())));
    }
  }
  std::ranges::sort(found);
  return found;
}

std::vector<std::string> users_of(const Node& node, const std::string& path,
                                  const std::vector<std::string>& dirs) {
  // The file's name alone, since JSON may spell the path in other ways ("\/"): rather too many.
  const std::string name = fs::path(path).filename();
  std::vector<std::string> users;
  std::error_code error;
  for (const auto& dir : dirs) {
    for (fs::directory_iterator it(node.follow(dir), error), end; !error && it != end;
         it.increment(error)) {
      const fs::path file = fs::path(dir) / it->path().filename();
      if (file.native().ends_with(".json") && users.size() < kEnoughUsers &&
          names(node, file, name)) {
        users.push_back(file);
      }
    }
    error.clear();
  }
  std::size_t looked_at = 0;
  for (const auto& [dir, record] : kRecords) {
    for (fs::directory_iterator it(node.follow(dir), error), end;
         !error && it != end && users.size() < kEnoughUsers && looked_at < kMaxRecords;
         it.increment(error), ++looked_at) {
      const fs::path file = fs::path(dir) / it->path().filename() / record;
      if (names(node, file, name)) {
        users.push_back(file);
      }
    }
    error.clear();
  }
  return users;
}

}  // namespace usher::cri_o
