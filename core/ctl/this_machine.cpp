// The doctor's view of the machine that it runs on.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/fd.hpp"
#include "base/kernel_file.hpp"
#include "ctl/doctor.hpp"
#include "enforce/kernel_facts.hpp"

namespace usher::ctl {
namespace {

constexpr int kVersionTimeout = 3000;  // ms without a word from `PROGRAM --version`

std::optional<std::string> find_program(const std::string& name) {
  std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
  path += ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    auto candidate = path.substr(at, end - at) + "/" + name;
    if (candidate[0] == '/' && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    at = end + 1;
  }
  return std::nullopt;
}

// The first line, as far as it came within the timeout.
std::string first_line(int fd) {
  std::string text;
  std::array<char, 512> piece{};
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  while (text.find('\n') == std::string::npos && text.size() < 4096 &&
         ::poll(&waiting, 1, kVersionTimeout) > 0) {
    const auto got = ::read(fd, piece.data(), piece.size());
    if (got <= 0) {
      break;
    }
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text.substr(0, text.find('\n'));
}

std::optional<std::string> version_of(const char* program) {
  const auto path = find_program(program);
  if (!path) {
    return std::nullopt;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return *path;
  }
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::string name = program;
  std::string option = "--version";
  std::array<char*, 3> arguments{name.data(), option.data(), nullptr};
  pid_t pid = 0;
  const int spawned =
      ::posix_spawn(&pid, path->c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) {
    return *path;
  }
  writer.reset();
  const auto line = first_line(reader.get());
  ::kill(pid, SIGKILL);  // it has said what was asked, or it never will
  ::waitpid(pid, nullptr, 0);
  return *path + (line.empty() ? " (says no version)" : ": " + line);
}

}  // namespace

Sources this_machine() {
  utsname name{};
  ::uname(&name);
  Sources sources;
  sources.release = name.release;
  sources.version = name.version;
  sources.is_root = ::geteuid() == 0;
  sources.kernel_file = read_kernel_file;
  sources.try_lsm = enforce::lsm_usable;
  sources.try_tracing = enforce::tracing_usable;
  sources.version_of = version_of;
  return sources;
}

}  // namespace usher::ctl
