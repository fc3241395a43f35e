#include "install/running.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <sstream>
#include <string>

#include "base/file.hpp"

namespace usher::install {
namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

constexpr nanoseconds kSlack = std::chrono::seconds(1);  // clocks are compared across a conversion
constexpr std::size_t kMaxCommand = 128U << 10;
constexpr int kStartField = 22;  // proc(5), in /proc/PID/stat

nanoseconds now(clockid_t clock) {
  timespec at{};
  ::clock_gettime(clock, &at);
  return std::chrono::seconds(at.tv_sec) + nanoseconds(at.tv_nsec);
}

// Since the epoch.
std::optional<nanoseconds> made_at(const fs::path& path) {
  struct statx info{};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &info) != 0 ||
      (info.stx_mask & STATX_BTIME) == 0) {
    return std::nullopt;
  }
  return std::chrono::seconds(info.stx_btime.tv_sec) + nanoseconds(info.stx_btime.tv_nsec);
}

// Since the epoch.
std::optional<nanoseconds> started_at(const fs::path& process) {
  const auto stat = read_file(process / "stat", 4096);
  // The name is in parentheses and may hold anything; the third field follows the last of them.
  const auto behind = stat ? stat->rfind(") ") : std::string::npos;
  if (behind == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream fields(stat->substr(behind + 2));
  std::string skipped;
  for (int field = 3; field < kStartField; ++field) {
    fields >> skipped;
  }
  std::int64_t ticks = 0;
  if (!(fields >> ticks)) {
    return std::nullopt;
  }
  const auto since_boot =
      nanoseconds(std::chrono::seconds(ticks)) / std::max(1L, ::sysconf(_SC_CLK_TCK));
  return now(CLOCK_REALTIME) - (now(CLOCK_BOOTTIME) - since_boot);
}

std::vector<std::string> arguments_of(const std::string& command) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < command.size();) {
    const auto end = std::min(command.find('\0', at), command.size());
    out.push_back(command.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

std::vector<Process> processes(std::string_view name, const fs::path& root) {
  std::vector<Process> out;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string pid = it->path().filename();
    if (!std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; })) {
      continue;
    }
    const auto comm = read_file(it->path() / "comm", 64);
    std::error_code other;
    if (!comm || *comm != std::string(name) + "\n" ||
        !fs::equivalent(it->path() / "root", root, other)) {
      continue;
    }
    const auto started = started_at(it->path());
    const auto command = read_file(it->path() / "cmdline", kMaxCommand);
    if (started && command) {
      out.push_back({static_cast<pid_t>(std::stol(pid)), *started, arguments_of(*command)});
    }
  }
  return out;
}

std::optional<pid_t> started_before(std::string_view name, const fs::path& root,
                                    const fs::path& path) {
  const auto made = made_at(path);
  if (!made || *made > now(CLOCK_REALTIME) + kSlack) {
    return std::nullopt;  // the clock was set back since: which came first cannot be told
  }
  for (const auto& process : processes(name, root)) {
    if (process.started + kSlack < *made) {
      return process.pid;
    }
  }
  return std::nullopt;
}

}  // namespace usher::install
