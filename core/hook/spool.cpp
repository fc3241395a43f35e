#include "hook/spool.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"

namespace usher::hook {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<Fd> open_directory(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  Fd fd(::open(path.c_str(), kFlags));
  if (!fd && errno == ENOENT) {
    // /run is empty after a boot, and the agent may never have run since.
    const std::string parent = path.substr(0, path.find_last_not_of('/') + 1);
    const auto slash = parent.rfind('/');
    if (slash != 0 && slash != std::string::npos) {
      ::mkdir(parent.substr(0, slash).c_str(), 0700);
    }
    ::mkdir(path.c_str(), 0700);
    fd.reset(::open(path.c_str(), kFlags));
  }
  if (!fd) {
    return fail_system("cannot open " + path);
  }
  return fd;
}

Result<bool> is_full(int directory) {
  Fd copy(::fcntl(directory, F_DUPFD_CLOEXEC, 3));
  const std::unique_ptr<DIR, CloseDirectory> entries(copy ? ::fdopendir(copy.get()) : nullptr);
  if (!entries) {
    return fail_system("cannot list the spool");
  }
  copy.release();  // closed with `entries`
  std::size_t count = 0;
  while (count < kMaxSpooled) {
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) {
      return false;
    }
    const std::string_view name = entry->d_name;
    count += name != "." && name != ".." ? 1 : 0;
  }
  return true;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

// Unlike any other hook's, whatever pid namespaces they run in.
std::string unique_name() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) {
    random = static_cast<std::uint64_t>(::getpid());
  }
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%lld.%09ld-%016llx",
                                   static_cast<long long>(now.tv_sec), now.tv_nsec,
                                   static_cast<unsigned long long>(random));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string to_json(const SpoolEntry& entry) {
  const nlohmann::ordered_json json = {
      {"time", utc_now()},
      {"stage", stage_name(entry.stage)},
      {"runtime", entry.runtime},
      {"id", entry.subject->id},
      {"namespace", entry.subject->pod_namespace},
      {"pod", entry.subject->pod},
      {"reason", entry.reason},
  };
  return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Result<> write_file_in(int directory, const std::string& name, std::string_view content) {
  const Fd file(::openat(directory, name.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) {
    return fail_system("cannot create " + name);
  }
  while (!content.empty()) {
    const ssize_t n = ::write(file.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail_system("cannot write " + name);
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<> write_spool(const std::string& directory, const SpoolEntry& entry) {
  const auto at = open_directory(directory);
  if (!at) {
    return std::unexpected(at.error());
  }
  const auto full = is_full(at->get());
  if (!full) {
    return std::unexpected(full.error());
  }
  if (*full) {
    return fail(directory + " already holds " + std::to_string(kMaxSpooled) + " notes");
  }
  const std::string name = unique_name() + ".json";
  const std::string temporary = "." + name;
  auto written = write_file_in(at->get(), temporary, to_json(entry));
  if (written && ::renameat(at->get(), temporary.c_str(), at->get(), name.c_str()) != 0) {
    written = fail_system("cannot rename " + temporary);
  }
  if (!written) {
    ::unlinkat(at->get(), temporary.c_str(), 0);
    return fail_in(directory, std::move(written).error());
  }
  return {};
}

}  // namespace usher::hook
