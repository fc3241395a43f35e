#include "kata/sandbox_watch.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/escape.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kPoll{1000};
constexpr int kReadsInARow = 4;
constexpr std::size_t kMaxTold = 16;  // problems of one sandbox

constexpr std::uint32_t kBaseMask = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
                                    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// Not what is deleted: whoever takes a sandbox's directory away must find it stay empty.
constexpr std::uint32_t kInsideMask = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;

std::string through(const Fd& directory) {
  return "/proc/self/fd/" + std::to_string(directory.get());
}

}  // namespace

SandboxWatch::SandboxWatch(cri::Loop loop, Options options, Handlers handlers)
    : loop_(loop), options_(std::move(options)), handlers_(std::move(handlers)) {
  for (const auto& place : options_.places) {
    bases_[place.base].places.push_back(&place);
  }
}

void SandboxWatch::start() {
  inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (inotify_) {
    auto watching = loop_.watch(inotify_.get(), USHER_READABLE, [this](std::uint32_t) { read(); });
    if (watching) {
      readable_ = std::move(*watching);
    }
  }
  if (!readable_) {
    problem("", "directories cannot be watched; they are looked at every second");
  }
  scan_all();
}

void SandboxWatch::stop() {
  readable_.cancel();
  again_.cancel();
  inotify_.reset();
  watched_.clear();
  handlers_ = {};
  for (auto& [name, base] : bases_) {
    for (const auto& sandbox : std::exchange(base.sandboxes, {})) {
      drop(name, sandbox);
    }
  }
}

std::size_t SandboxWatch::listening() const {
  return listeners_.size();
}

void SandboxWatch::poll_later() {
  auto timer = loop_.timer(kPoll, [this](std::uint32_t) {
    again_.cancel();
    scan_all();
  });
  if (timer) {
    again_ = std::move(*timer);
  }
}

// What is left comes with the next turn, and each sandbox is looked at once in a read: whoever may
// write in one sandbox's directory can make events faster than they are looked at.
void SandboxWatch::read() {
  alignas(inotify_event) std::array<char, 16384> buffer;  // NOLINT: filled by read
  for (int i = 0; i < kReadsInARow && inotify_; ++i) {
    const ssize_t n = ::read(inotify_.get(), buffer.data(), buffer.size());
    Touched touched;
    for (ssize_t at = 0; at < n;) {
      inotify_event one;  // NOLINT: copied
      std::memcpy(&one, buffer.data() + at, sizeof one);
      event(one.wd, one.mask, one.len > 0 ? buffer.data() + at + sizeof one : "", touched);
      at += static_cast<ssize_t>(sizeof one + one.len);
    }
    for (const auto& [base, sandbox] : touched) {
      ensure(base, sandbox);
    }
  }
}

void SandboxWatch::event(int watch, std::uint32_t mask, const char* name, Touched& touched) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    return scan_all();
  }
  const auto found = watched_.find(watch);
  if (found == watched_.end()) {
    return;
  }
  const Watched at = found->second;
  const bool ended = (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0;
  if ((mask & IN_IGNORED) != 0) {
    watched_.erase(watch);
  }
  if (!at.sandbox.empty()) {
    touched.emplace(at.base, at.sandbox);
  } else if (!at.base.empty() && ended) {
    bases_.at(at.base).watched = false;
    scan(at.base);
  } else if (!at.base.empty() && is_sandbox_name(name)) {
    touched.emplace(at.base, name);
  }
  if (ended || at.awaited.contains(name)) {
    scan_missing();
  }
}

void SandboxWatch::scan_all() {
  for (const auto& [base, ignored] : bases_) {
    scan(base);
  }
  if (!readable_) {
    poll_later();
  }
}

void SandboxWatch::scan_missing() {
  for (const auto& [base, of] : bases_) {
    if (!of.watched) {
      scan(base);
    }
  }
}

// Watches the base, or the nearest directory above it that is there.
void SandboxWatch::watch_base(const std::string& base) {
  // What is made while we look is looked for again; a tree that changes all the time is given up.
  for (int tries = 0; readable_ && tries < 8; ++tries) {
    fs::path at = base;
    std::string awaited;
    int watch = -1;
    while ((watch = ::inotify_add_watch(inotify_.get(), at.c_str(), kBaseMask)) < 0) {
      if (!at.has_filename() || at.parent_path() == at) {
        return;
      }
      awaited = at.filename();
      at = at.parent_path();
    }
    if (awaited.empty()) {
      watched_[watch].base = base;
      bases_.at(base).watched = true;
      return;
    }
    watched_[watch].awaited.insert(awaited);
    std::error_code ignored;
    if (!fs::exists(at / awaited, ignored)) {
      return;
    }
  }
}

void SandboxWatch::scan(const std::string& base) {
  watch_base(base);
  auto& known = bases_.at(base).sandboxes;
  std::set<std::string> there;
  std::error_code failed;
  for (fs::directory_iterator at(base, failed), end; !failed && at != end; at.increment(failed)) {
    there.insert(at->path().filename().string());
  }
  for (const auto& name : std::set<std::string>(known)) {
    if (!there.contains(name)) {
      ensure(base, name);
    }
  }
  for (const auto& name : there) {
    ensure(base, name);
  }
}

void SandboxWatch::look_at(const std::string& name) {
  for (const auto& [base, ignored] : bases_) {
    ensure(base, name);
  }
}

// Makes what the sandbox needs, as far as its directories are there; forgets it where none is.
void SandboxWatch::ensure(const std::string& base, const std::string& sandbox) {
  auto& of = bases_.at(base);
  bool there = false;
  for (const Place* place : of.places) {
    if (!place->takes(sandbox)) {
      continue;
    }
    const auto opened = open_place(*place, sandbox, options_.trusted);
    if (!opened) {
      if (opened.error().code != ENOENT) {
        problem(sandbox, opened.error().message);
      }
      continue;
    }
    there = true;
    if (of.sandboxes.insert(sandbox).second && handlers_.came) {
      handlers_.came(sandbox, place->cut != 0);
    }
    for (const auto& directory : opened->directories) {
      const int watch =
          readable_ ? ::inotify_add_watch(inotify_.get(), through(directory).c_str(), kInsideMask)
                    : -1;
      if (watch >= 0) {
        watched_[watch] = {.base = base, .sandbox = sandbox};
      }
    }
    // Looked at again once it is watched: what was made in between has told nobody.
    listen(*place, sandbox);
  }
  if (!there && of.sandboxes.erase(sandbox) != 0) {
    drop(base, sandbox);
    if (!is_anywhere(sandbox) && handlers_.went) {
      told_.erase(sandbox);
      handlers_.went(sandbox);
    }
  }
}

void SandboxWatch::listen(const Place& place, const std::string& sandbox) {
  const auto opened = open_place(place, sandbox, options_.trusted);
  if (!opened || !opened->complete) {
    return;
  }
  const int directory = opened->directories.back().get();
  const auto path = place.path(sandbox) + "_" + std::to_string(options_.port);
  const auto has = listeners_.find(path);
  if (has != listeners_.end() && has->second.uds.is_in(directory)) {
    return;
  }
  listeners_.erase(path);
  auto uds = Uds::make(directory, fs::path(path).filename(), opened->owner, options_.trusted);
  if (!uds) {
    return problem(sandbox, uds.error().message + " (" + escape(path) + ")");
  }
  auto accepting = accept_on(uds->fd(), opened->owner, sandbox);
  if (!accepting) {
    uds->remove_from(directory);
    return problem(sandbox, accepting.error().message);
  }
  listeners_.emplace(path, Listener{std::move(*uds), std::move(*accepting)});
}

Result<std::unique_ptr<Acceptor>> SandboxWatch::accept_on(int listener, uid_t owner,
                                                          const std::string& sandbox) {
  auto out = std::make_unique<Acceptor>(
      loop_, listener,
      Acceptor::Handlers{
          .connected =
              [this, owner, sandbox](const sockaddr_storage&, Fd peer) {
                if (handlers_.connected) {
                  handlers_.connected(sandbox, owner, std::move(peer));
                }
              },
          .problem = [this, sandbox](const std::string& why) { problem(sandbox, why); }});
  if (auto started = out->start(); !started) {
    return std::unexpected(std::move(started.error()));
  }
  return out;
}

void SandboxWatch::drop(const std::string& base, const std::string& sandbox) {
  for (const Place* place : bases_.at(base).places) {
    const auto at = listeners_.find(place->path(sandbox) + "_" + std::to_string(options_.port));
    if (at == listeners_.end()) {
      continue;
    }
    if (const auto opened = open_place(*place, sandbox, options_.trusted);
        opened && opened->complete) {
      at->second.uds.remove_from(opened->directories.back().get());
    }
    listeners_.erase(at);
  }
}

bool SandboxWatch::is_anywhere(const std::string& sandbox) const {
  return std::ranges::any_of(
      bases_, [&](const auto& base) { return base.second.sandboxes.contains(sandbox); });
}

void SandboxWatch::problem(const std::string& sandbox, const std::string& sentence) {
  auto& told = told_[sandbox];
  if (told.size() < kMaxTold && told.insert(sentence).second && handlers_.problem) {
    handlers_.problem(sandbox, sentence);
  }
}

}  // namespace usher::kata
