#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace usher {
namespace {

Result<> write_all(int fd, std::string_view content, const std::string& name) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
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

Result<std::string> read_all(int fd, std::size_t limit, std::string_view name) {
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail_system("cannot read " + std::string(name));
    }
    if (n == 0) {
      return content;
    }
    if (content.size() + static_cast<std::size_t>(n) > limit) {
      return fail("cannot read " + std::string(name) + ": more than " + std::to_string(limit) +
                  " bytes");
    }
    content.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  // Non-blocking: to open a fifo would wait for who writes to it, perhaps for ever.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) {
    return fail_system("cannot open " + path.string());
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) {
    return fail_system("cannot look at " + path.string());
  }
  if (S_ISDIR(info.st_mode)) {
    return fail_system("cannot read " + path.string(), EISDIR);
  }
  if (!S_ISREG(info.st_mode)) {
    return fail("cannot read " + path.string() + ": it is no regular file", EINVAL);
  }
  return read_all(fd.get(), limit, path.string());
}

Result<> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode,
                    bool sync) {
  const std::string temporary =
      path.parent_path() / ("." + path.filename().string() + "." + std::to_string(::getpid()));
  Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) {
    return fail_system("cannot create " + temporary);
  }
  auto written = write_all(fd.get(), content, temporary);
  if (written && ::fchmod(fd.get(), mode) != 0) {
    written = fail_system("cannot set the mode of " + temporary);
  }
  if (written && sync && ::fsync(fd.get()) != 0) {
    written = fail_system("cannot sync " + temporary);
  }
  if (written && std::rename(temporary.c_str(), path.c_str()) != 0) {
    written = fail_system("cannot rename " + temporary + " to " + path.string());
  }
  if (!written) {
    ::unlink(temporary.c_str());
  }
  return written;
}

}  // namespace usher
