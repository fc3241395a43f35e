#include "install/node.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <tuple>
#include <vector>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "install/seen_files.hpp"

namespace usher::install {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as the kernel
constexpr int kLockTries = 60;
constexpr int kLockPauseMs = 50;
constexpr const char* kNotOurs =
    "a directory has the name of the hook's file; see what it is, move it away and try again";

Result<> sync_directory(const fs::path& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) {
    return fail_system("cannot sync " + escape(directory.string()));
  }
  return {};
}

bool is_leftover(std::string_view name, std::string_view prefix) {
  const auto dot = name.rfind('.');
  return name.starts_with('.') && name.substr(1).starts_with(prefix) && dot != 0 &&
         dot + 1 < name.size() &&
         std::ranges::all_of(name.substr(dot + 1), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

fs::path Node::resolve(const fs::path& path, bool last) const {
  if (root_ == "/") {
    return path;
  }
  const fs::path relative = path.relative_path();
  std::deque<fs::path> todo(relative.begin(), relative.end());
  std::vector<fs::path> done;
  const auto here = [&] {
    fs::path joined = root_;
    for (const auto& part : done) {
      joined /= part;
    }
    return joined;
  };
  for (int links = 0; !todo.empty();) {
    const fs::path part = todo.front();
    todo.pop_front();
    if (part.empty() || part == ".") {
      continue;
    }
    if (part == "..") {
      if (!done.empty()) {
        done.pop_back();
      }
      continue;
    }
    std::error_code error;
    const fs::path target =
        last || !todo.empty() ? fs::read_symlink(here() / part, error) : fs::path();
    if (error || target.empty() || ++links > kMaxLinks) {
      done.push_back(part);
      continue;
    }
    if (target.is_absolute()) {
      done.clear();
    }
    const fs::path rest = target.relative_path();
    todo.insert(todo.begin(), rest.begin(), rest.end());
  }
  return here();
}

fs::path Node::follow(const fs::path& path) const {
  return resolve(path, true);
}
fs::path Node::entry(const fs::path& path) const {
  return resolve(path, false);
}

bool Node::is_directory(const fs::path& path) const {
  std::error_code ignored;
  return fs::is_directory(follow(path), ignored);
}

Result<std::string> Node::read_here(const fs::path& there, std::size_t limit) const {
  return learn(seen_, {there}, "content, at most " + std::to_string(limit),
               [&] { return read_file(there, limit); });
}

Result<std::optional<std::string>> Node::read(const fs::path& path, std::size_t limit) const {
  auto content = read_here(follow(path), limit);
  if (!content && content.error().code == ENOENT) {
    return std::nullopt;
  }
  if (!content) {
    return std::unexpected(std::move(content.error()));
  }
  return std::move(*content);
}

std::optional<timespec> Node::written_at(const fs::path& path) const {
  struct stat info{};
  if (::stat(follow(path).c_str(), &info) != 0) {
    return std::nullopt;
  }
  return info.st_mtim;
}

Result<> Node::put(const fs::path& path, std::string_view content, mode_t mode,
                   std::optional<timespec> not_before) const {
  const fs::path to = entry(path);
  if (auto written = write_file(to, content, mode); !written) {
    return written;
  }
  struct stat info{};
  if (not_before && ::stat(to.c_str(), &info) == 0 &&
      std::tie(info.st_mtim.tv_sec, info.st_mtim.tv_nsec) <
          std::tie(not_before->tv_sec, not_before->tv_nsec)) {
    const timespec times[] = {{0, UTIME_OMIT}, *not_before};
    if (::utimensat(AT_FDCWD, to.c_str(), times, 0) != 0) {
      return fail_system("cannot set the time of " + escape(to.string()));
    }
  }
  return sync_directory(to.parent_path());
}

Result<> Node::make_directories(const fs::path& path) const {
  const fs::path to = follow(path);
  std::vector<fs::path> missing;
  std::error_code ignored;
  for (fs::path at = to; !fs::exists(at, ignored) && at.has_relative_path();
       at = at.parent_path()) {
    missing.push_back(at);
  }
  for (; !missing.empty(); missing.pop_back()) {
    const bool made = ::mkdir(missing.back().c_str(), 0755) == 0;
    // Whoever runs the hook must get there, whatever the umask of the process that installs it.
    if ((!made && errno != EEXIST) || (made && ::chmod(missing.back().c_str(), 0755) != 0)) {
      return fail_system("cannot create the directory " + escape(missing.back().string()));
    }
    if (auto synced = sync_directory(missing.back().parent_path()); !synced) {
      return synced;
    }
  }
  return {};
}

Result<bool> Node::remove(const fs::path& path) const {
  const fs::path there = entry(path);
  if (::unlink(there.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return false;
    }
    const int error = errno;
    return fail_system("cannot remove " + escape(there.string()), error,
                       error == EISDIR ? kNotOurs : "");
  }
  if (auto synced = sync_directory(there.parent_path()); !synced) {
    return std::unexpected(std::move(synced.error()));
  }
  return true;
}

Result<> Node::remove_leftovers(const fs::path& directory, std::string_view prefix) const {
  std::error_code none;
  std::vector<fs::path> found;
  for (fs::directory_iterator it(follow(directory), none), end; !none && it != end;
       it.increment(none)) {
    if (is_leftover(it->path().filename().native(), prefix)) {
      found.push_back(it->path());
    }
  }
  for (const auto& file : found) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
      return fail_system("cannot remove " + escape(file.string()));
    }
  }
  return {};
}

Result<Fd> Node::lock(const fs::path& directory, bool wait) const {
  Fd fd(::open(follow(directory).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail_system("cannot open " + escape(directory.string()));
  }
  for (int tries = 0; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK || !wait || tries == kLockTries) {
      return fail_system("cannot lock " + escape(directory.string()), errno,
                         "another process installs or uninstalls the hook; try again");
    }
    ::poll(nullptr, 0, kLockPauseMs);
  }
  return fd;
}

}  // namespace usher::install
