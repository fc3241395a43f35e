#include "kata/places.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

constexpr std::string_view kWhole = "{sandbox}";
constexpr std::string_view kCut = "{sandbox:32}";
constexpr std::size_t kCutLength = 32;  // Firecracker's limit on the ids of its machines

Result<std::vector<std::string>> components(std::string_view path) {
  std::vector<std::string> out;
  if (!path.starts_with('/')) {
    return fail("it must begin with '/'");
  }
  path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") {
      return fail("it has an empty component, '.' or '..'");
    }
    out.emplace_back(part);
    if (slash == std::string_view::npos) {
      return out;
    }
    path.remove_prefix(slash + 1);
  }
}

Result<struct stat> look(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    return fail_system("cannot look at " + escape(path));
  }
  return info;
}

bool is_trusted(uid_t owner, uid_t trusted) {
  return owner == 0 || owner == trusted;
}

// A link is somebody's doing; anything else that is no directory is no sandbox's.
std::unexpected<Error> cannot_open(int above, const std::string& part, const std::string& path) {
  const int why = errno;
  struct stat info{};
  if (why != ENOENT && ::fstatat(above, part.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    return S_ISLNK(info.st_mode)
               ? fail(escape(path) + " is a link: no socket is made behind it; remove it", EPERM)
               : fail(escape(path) + " is no directory", ENOENT);
  }
  return fail_system("cannot open the directory " + escape(path), why);
}

// What everybody can change is refused whoever owns it.
Result<> check_inside(const struct stat& info, const std::string& path, uid_t above, bool first,
                      uid_t trusted) {
  if ((info.st_mode & S_IWOTH) != 0) {
    return fail(escape(path) + " can be written by everybody: no socket is made there", EPERM);
  }
  if (!first && info.st_uid != above && !is_trusted(info.st_uid, trusted) &&
      !is_trusted(above, trusted)) {
    return fail(escape(path) + " belongs to uid " + std::to_string(info.st_uid) +
                    ", the directory above it to uid " + std::to_string(above) +
                    ": no socket is made there",
                EPERM);
  }
  return {};
}

}  // namespace

bool is_sandbox_name(std::string_view name) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  return !name.empty() && name.size() <= kMaxSandboxId &&
         plain(static_cast<unsigned char>(name.front())) &&
         std::ranges::all_of(
             name, [&](unsigned char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

Result<Place> Place::parse(std::string_view pattern) {
  auto parts = components(pattern);
  if (!parts) {
    return std::unexpected(std::move(parts.error()));
  }
  const auto named = std::ranges::find_if(
      *parts, [](const std::string& part) { return part == kWhole || part == kCut; });
  if (named == parts->begin() || named == parts->end() || named + 1 == parts->end()) {
    return fail(
        "one of its directories, neither the first nor the last component, must be {sandbox} "
        "or {sandbox:32}");
  }
  Place out;
  for (auto at = parts->begin(); at != named; ++at) {
    out.base += "/" + *at;
  }
  out.cut = *named == kCut ? kCutLength : 0;
  out.inside.assign(named + 1, parts->end() - 1);
  out.socket = parts->back();
  if (std::ranges::any_of(*parts, [&](const std::string& part) {
        return &part != &*named && part.find_first_of("{}*?") != std::string::npos;
      })) {
    return fail("only one component may stand for the sandbox, and none may hold * or ?");
  }
  return out;
}

bool Place::takes(std::string_view name) const {
  return is_sandbox_name(name) && (cut == 0 || name.size() == cut);
}

std::string Place::path(const std::string& sandbox) const {
  std::string out = base + "/" + sandbox;
  for (const auto& part : inside) {
    out += "/" + part;
  }
  return out + "/" + socket;
}

Result<OpenedPlace> open_place(const Place& place, const std::string& sandbox, uid_t trusted) {
  Fd at(::open(place.base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) {
    return fail_system("cannot open " + escape(place.base));
  }
  const auto base = look(at.get(), place.base);
  if (!base) {
    return std::unexpected(base.error());
  }
  if (!is_trusted(base->st_uid, trusted) || (base->st_mode & (S_IWOTH | S_IWGRP)) != 0) {
    return fail(escape(place.base) +
                    " can be changed by others than root: no socket is made below it; chown root "
                    "and chmod go-w",
                EPERM);
  }
  std::vector<std::string> parts{sandbox};
  parts.insert(parts.end(), place.inside.begin(), place.inside.end());
  OpenedPlace out;
  std::string path = place.base;
  for (const auto& part : parts) {
    path += "/" + part;
    const int above = out.directories.empty() ? at.get() : out.directories.back().get();
    Fd next(::openat(above, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT && !out.directories.empty()) {
      return out;  // as far as it is there
    }
    if (!next) {
      return cannot_open(above, part, path);
    }
    const auto info = look(next.get(), path);
    if (!info) {
      return std::unexpected(info.error());
    }
    if (auto fits = check_inside(*info, path, out.owner, out.directories.empty(), trusted); !fits) {
      return std::unexpected(std::move(fits.error()));
    }
    out.owner = info->st_uid;
    out.directories.push_back(std::move(next));
  }
  out.complete = true;
  return out;
}

}  // namespace usher::kata
