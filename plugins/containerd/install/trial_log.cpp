// Which line of containerd's log says why it did not come up.
#include <string>
#include <string_view>
#include <vector>

#include "base/escape.hpp"
#include "containerd/install/trial.hpp"

namespace usher::containerd {
namespace {

constexpr std::size_t kLongest = 600;

bool has(std::string_view line, std::string_view part) {
  return line.find(part) != std::string_view::npos;
}

// What stands behind KEY=", without Go's quoting; else the whole line.
std::string value_of(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) {
    return std::string(line);
  }
  std::string out;
  for (std::size_t i = at + key.size(); i < line.size() && line[i] != '"'; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
    }
    out += line[i];
  }
  return out;
}

std::string of(std::string_view line) {
  return escape(value_of(line, has(line, " error=\"") ? " error=\"" : " msg=\""))
      .substr(0, kLongest);
}

}  // namespace

std::string reason_in(std::string_view log) {
  std::string_view cri, error, last;
  while (!log.empty()) {
    const auto end = std::min(log.find('\n'), log.size());
    const auto line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    if (line.empty()) {
      continue;
    }
    last = line;
    // The first: others fail for it.
    if (cri.empty() && has(line, "failed to load plugin") &&
        (has(line, "io.containerd.grpc.v1.cri") || has(line, "io.containerd.cri.v1."))) {
      cri = line;
    }
    if (has(line, "level=fatal") || has(line, "level=error") || line.starts_with("containerd: ")) {
      error = line;
    }
  }
  // One that ends says so at its end.
  const bool ended = last.starts_with("containerd: ") || has(last, "level=fatal");
  return of(ended || cri.empty() ? (error.empty() ? last : error) : cri);
}

}  // namespace usher::containerd
