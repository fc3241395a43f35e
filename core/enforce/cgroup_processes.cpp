#include "enforce/cgroup_processes.hpp"

#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/file.hpp"

namespace usher::enforce {

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

bool is_gone(const Error& error) {
  return error.code == ENOENT || error.code == ENODEV;
}

bool add_processes_of(const std::filesystem::path& cgroup, std::size_t most,
                      std::vector<int>& pids) {
  const auto text = read_file(cgroup / "cgroup.procs", kMostBytes);
  if (!text) {
    return is_gone(text.error());
  }
  for (std::string_view rest = *text; !rest.empty();) {
    int pid = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), pid);
    if (problem != std::errc() || pid <= 0 || pids.size() == most) {
      return false;
    }
    pids.push_back(pid);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    rest.remove_prefix(rest.starts_with('\n') ? 1 : 0);
  }
  return true;
}

}  // namespace

std::optional<std::vector<int>> processes_below(const std::filesystem::path& cgroup,
                                                std::size_t most) {
  std::vector<int> pids;
  std::error_code problem;
  if (!std::filesystem::exists(cgroup, problem)) {
    return problem ? std::nullopt : std::optional(std::move(pids));
  }
  if (!add_processes_of(cgroup, most, pids)) {
    return std::nullopt;
  }
  std::filesystem::recursive_directory_iterator at(cgroup, problem);
  for (const std::filesystem::recursive_directory_iterator end; !problem && at != end;
       at.increment(problem)) {
    std::error_code gone;
    if (at->is_directory(gone) && !add_processes_of(at->path(), most, pids)) {
      return std::nullopt;
    }
  }
  // Whoever vanished while it was looked at may have hidden others.
  return problem ? std::nullopt : std::optional(std::move(pids));
}

}  // namespace usher::enforce
