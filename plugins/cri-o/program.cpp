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
#include "cri-o/seen_files.hpp"

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

// Looks for a name in files, so many bytes of them that were not read before.
class Search {
 public:
  Search(const Node& node, const HookOptions& options, std::string what)
      : node_(node),
        seen_(options.seen.get()),
        what_(std::move(what)),
        question_("names " + what_),
        left_(options.may_wait ? kBytesWaiting : kBytesAtOnce) {}

  bool names(const fs::path& file) {
    const fs::path there = node_.follow(file);
    if (seen_ == nullptr || !seen_->knows({there}, question_)) {
      std::error_code error;
      const auto size = std::min<std::uintmax_t>(fs::file_size(there, error), kMaxRecord);
      if (!error && size > left_) {
        through_ = false;
        return false;
      }
      left_ -= error ? 0 : static_cast<std::size_t>(size);
    }
    const auto answer = learn(seen_, {there}, question_, [&]() -> Result<std::string> {
      const auto content = read_file(there, kMaxRecord);
      return content ? Result<std::string>(content->find(what_) != std::string::npos ? "yes" : "no")
                     : std::unexpected(content.error());
    });
    // What cannot be read may well name it.
    return answer ? *answer == "yes" : answer.error().code != ENOENT;
  }
  void stop() { through_ = false; }
  bool through() const { return through_; }

 private:
  static constexpr std::size_t kBytesAtOnce = 16U << 20;
  static constexpr std::size_t kBytesWaiting = 1U << 30;

  const Node& node_;
  SeenFiles* seen_;
  std::string what_;
  std::string question_;
  std::size_t left_;
  bool through_ = true;  // nothing was left out
};

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

Result<std::string> version_of(const fs::path& file, const HookOptions& options) {
  return learn(options.seen.get(), {file}, "version",
               [&] { return version_of(file, patience(options)); });
}

Result<bool> same_content(const fs::path& one, const fs::path& other, const HookOptions& options) {
  const auto same = learn(options.seen.get(), {one, other}, "same", [&]() -> Result<std::string> {
    const auto first = read_file(one, kMaxProgram);
    const auto second = read_file(other, kMaxProgram);
    if (!first || !second) {
      return std::unexpected(first ? second.error() : first.error());
    }
    return *first == *second ? "yes" : "no";
  });
  return same ? Result<bool>(*same == "yes") : std::unexpected(same.error());
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

std::vector<std::string> users_of(const Node& node, const HookOptions& options,
                                  const std::string& path, const std::vector<std::string>& dirs) {
  // The file's name alone, since JSON may spell the path in other ways ("\/"): rather too many.
  Search search(node, options, fs::path(path).filename());
  std::vector<std::string> users;
  std::error_code error;
  for (const auto& dir : dirs) {
    for (fs::directory_iterator it(node.follow(dir), error), end; !error && it != end;
         it.increment(error)) {
      const fs::path file = fs::path(dir) / it->path().filename();
      if (file.native().ends_with(".json") && users.size() < kEnoughUsers && search.names(file)) {
        users.push_back(file);
      }
    }
    error.clear();
  }
  std::size_t looked_at = 0;
  for (const auto& [dir, record] : kRecords) {
    for (fs::directory_iterator it(node.follow(dir), error), end;
         !error && it != end && users.size() < kEnoughUsers; it.increment(error)) {
      if (++looked_at > kMaxRecords) {
        search.stop();
        break;
      }
      const fs::path file = fs::path(dir) / it->path().filename() / record;
      if (search.names(file)) {
        users.push_back(file);
      }
    }
    error.clear();
  }
  if (users.empty() && !search.through()) {
    users.emplace_back("one of the containers, perhaps: not all of their records were read yet");
  }
  return users;
}

}  // namespace usher::cri_o
