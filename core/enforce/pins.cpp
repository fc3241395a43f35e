#include "enforce/pins.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>

#include "usher_bpf.h"

namespace usher::enforce {

namespace fs = std::filesystem;

namespace {

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

Result<> require_bpffs(const fs::path& root) {
  if (!root.is_absolute()) {
    return fail(fmt::format("the pin directory {} must be an absolute path", root.string()));
  }
  fs::path existing = root;
  std::error_code error;
  while (!fs::exists(existing, error) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  struct statfs info{};
  if (::statfs(existing.c_str(), &info) != 0) {
    return fail_system(fmt::format("cannot look at {}", existing.string()));
  }
  if (info.f_type != BPF_FS_MAGIC) {
    return fail(fmt::format(
        "{} is not on a BPF file system, so nothing can be pinned in {}: mount one "
        "(mount -t bpf bpf /sys/fs/bpf), or name a directory on one with [enforcement] pins",
        existing.string(), root.string()));
  }
  return {};
}

Result<> make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_system(fmt::format("cannot create the pin directory {}", path.string()));
  }
  return {};
}

// The names in a directory; none when it is not there.
Result<std::vector<std::string>> names_in(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_system(fmt::format("cannot list {}", path.string()), error.value());
  }
  std::ranges::sort(names);
  return names;
}

// Removes every pin in `path`, then the directory.
Result<> remove_pins(const fs::path& path) {
  auto names = names_in(path);
  if (!names) {
    return std::unexpected(std::move(names.error()));
  }
  for (const std::string& name : *names) {
    if (::unlink((path / name).c_str()) != 0 && errno != ENOENT) {
      return fail_system(fmt::format("cannot unpin {}", (path / name).string()));
    }
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    return fail_system(fmt::format("cannot remove {}", path.string()));
  }
  return {};
}

Result<> remove_links(const fs::path& links) {
  auto names = names_in(links);
  if (!names) {
    return std::unexpected(std::move(names.error()));
  }
  for (const std::string& name : *names) {
    if (number_of(name)) {
      if (auto removed = remove_pins(links / name); !removed) {
        return removed;
      }
    }
  }
  return {};
}

Result<> remove_if_empty(const fs::path& path) {
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    return fail_system(fmt::format("cannot remove {}", path.string()), errno,
                       "remove by hand what is left in it if it is not needed");
  }
  return {};
}

}  // namespace

Result<Pins> Pins::open(const fs::path& root) {
  const fs::path layout = root / fmt::format("v{}", USHER_LAYOUT);
  Pins pins;
  pins.maps_ = layout / "maps";
  pins.links_ = layout / "links";
  auto ready = require_bpffs(root);
  for (const fs::path& path : {root, layout, pins.maps_, pins.links_}) {
    if (!ready) {
      return std::unexpected(std::move(ready.error()));
    }
    ready = make_directory(path);
  }
  if (!ready) {
    return std::unexpected(std::move(ready.error()));
  }
  pins.lock_.reset(::open(layout.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!pins.lock_) {
    return fail_system(fmt::format("cannot open {}", layout.string()));
  }
  if (::flock(pins.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_system(fmt::format("cannot lock {}", layout.string()), errno,
                       "another usherd uses these pins: stop it first");
  }
  return pins;
}

Pins::~Pins() {
  if (lock_) {
    // A child that was forked while it was held would keep it otherwise.
    ::flock(lock_.get(), LOCK_UN);
  }
}

Result<fs::path> Pins::generation(std::uint64_t number) const {
  fs::path path = links_ / std::to_string(number);
  if (auto made = make_directory(path); !made) {
    return std::unexpected(std::move(made.error()));
  }
  return path;
}

Result<std::vector<std::uint64_t>> Pins::generations() const {
  auto names = names_in(links_);
  if (!names) {
    return std::unexpected(std::move(names.error()));
  }
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    if (const auto number = number_of(name)) {
      numbers.push_back(*number);
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

Result<> Pins::remove_generation(std::uint64_t number) const {
  return remove_pins(links_ / std::to_string(number));
}

Result<> Pins::remove_all(const fs::path& root) {
  auto names = names_in(root);
  if (!names) {
    return std::unexpected(std::move(names.error()));
  }
  for (const std::string& name : *names) {
    if (!name.starts_with('v') || !number_of(std::string_view(name).substr(1))) {
      continue;
    }
    const fs::path layout = root / name;
    const std::array<std::function<Result<>()>, 4> steps{
        [&] { return remove_links(layout / "links"); },
        [&] { return remove_if_empty(layout / "links"); },
        [&] { return remove_pins(layout / "maps"); },
        [&] { return remove_if_empty(layout); },
    };
    for (const auto& step : steps) {
      if (auto done = step(); !done) {
        return done;
      }
    }
  }
  return remove_if_empty(root);
}

}  // namespace usher::enforce
