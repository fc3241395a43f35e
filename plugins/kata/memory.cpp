#include "kata/memory.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cstdint>
#include <sstream>
#include <system_error>

#include "base/file.hpp"
#include "kata/words.hpp"

namespace usher::kata {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead = "usher-guest 1";
constexpr std::string_view kSession = "session ";
constexpr std::string_view kKernel = "kernel ";
constexpr std::string_view kClaimed = "claimed";
constexpr std::string_view kGranted = "granted ";
constexpr std::size_t kMaxFile = 1U << 20;

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<std::uint8_t>(c) >> 4U];
    out += kDigits[static_cast<std::uint8_t>(c) & 15U];
  }
  return out;
}

std::string unhex(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) {
      return "";
    }
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

// "lsm 31".
bool read_kernel(const std::string& text, Remembered& to) {
  std::istringstream words(text);
  return static_cast<bool>(words >> to.backend >> to.enforces) && words.eof() &&
         is_backend(to.backend);
}

// With those above that are missing: run_dir need not be the agent's own.
Result<> make_directory(const fs::path& directory) {
  std::error_code ignored;
  if (directory.has_parent_path() && !fs::exists(directory.parent_path(), ignored)) {
    if (auto above = make_directory(directory.parent_path()); !above) {
      return above;
    }
  }
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_system("cannot make " + directory.string(), errno,
                       "set run_dir under [adapters.kata] to a directory that root can write");
  }
  return {};
}

}  // namespace

Remembered Memory::of(const std::string& sandbox) const {
  const Remembered unreadable{.claimed = true};
  const auto read = read_file(directory_ / sandbox, kMaxFile);
  if (!read) {
    return read.error().code == ENOENT ? Remembered{} : unreadable;
  }
  Remembered out;
  std::istringstream lines(*read);
  std::string line;
  if (!std::getline(lines, line) || line != kHead) {
    return unreadable;
  }
  while (std::getline(lines, line)) {
    if (line == kClaimed) {
      out.claimed = true;
    } else if (line.starts_with(kSession)) {
      out.token = unhex(std::string_view(line).substr(kSession.size()));
      if (out.token.size() != kTokenSize) {
        return unreadable;
      }
    } else if (line.starts_with(kKernel)) {
      if (!read_kernel(line.substr(kKernel.size()), out)) {
        return unreadable;
      }
    } else if (line.starts_with(kGranted)) {
      out.granted.insert(unhex(std::string_view(line).substr(kGranted.size())));
    } else {
      return unreadable;
    }
  }
  return out;
}

Result<> Memory::keep(const std::string& sandbox, const Remembered& what) const {
  if (auto made = make_directory(directory_); !made) {
    return made;
  }
  std::string text = std::string(kHead) + "\n";
  if (!what.token.empty()) {
    text += std::string(kSession) + hex(what.token) + "\n";
    text += std::string(kKernel) + what.backend + " " + std::to_string(what.enforces) + "\n";
  }
  if (what.claimed) {
    text += std::string(kClaimed) + "\n";
  }
  for (const auto& id : what.granted) {
    text += std::string(kGranted) + hex(id) + "\n";
  }
  return write_file(directory_ / sandbox, text, 0600, false);
}

void Memory::forget(const std::string& sandbox) const {
  std::error_code ignored;
  fs::remove(directory_ / sandbox, ignored);
}

std::vector<std::string> Memory::sandboxes() const {
  std::vector<std::string> out;
  std::error_code ignored;
  for (fs::directory_iterator at(directory_, ignored), end; at != end; at.increment(ignored)) {
    if (ignored) {
      break;
    }
    out.push_back(at->path().filename().string());
  }
  return out;
}

Result<std::string> new_token() {
  std::string token(kTokenSize, '\0');
  if (::getrandom(token.data(), token.size(), 0) != static_cast<ssize_t>(token.size())) {
    return fail_system("cannot make a token for a guest's session");
  }
  return token;
}

bool same_secret(const std::string& one, const std::string& other) {
  std::uint8_t differ = one.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < one.size() && i < other.size(); ++i) {
    differ |= static_cast<std::uint8_t>(one[i]) ^ static_cast<std::uint8_t>(other[i]);
  }
  return differ == 0;
}

}  // namespace usher::kata
