#include "identity/membership.hpp"

#include <sys/stat.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::identity {
namespace {

constexpr std::size_t kMaxCgroups = 4096;
constexpr int kMaxGenerations = 4096;

std::uint64_t pid_namespace(const std::filesystem::path& proc, const std::string& pid) {
  struct stat info{};
  return ::stat((proc / pid / "ns/pid").c_str(), &info) == 0 ? info.st_ino : 0;
}

// Field 4 of /proc/PID/stat; the name in field 2 may hold anything, also ')'.
std::optional<int> parent_of(const std::filesystem::path& proc, int pid) {
  const auto stat = read_file(proc / std::to_string(pid) / "stat", 1U << 16);
  if (!stat) {
    return std::nullopt;
  }
  const auto name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 > stat->size()) {
    return std::nullopt;
  }
  int parent = 0;
  const char* begin = stat->data() + name_end + 4;  // ") S "
  return std::from_chars(begin, stat->data() + stat->size(), parent).ec == std::errc{}
             ? std::optional(parent)
             : std::nullopt;
}

class Membership {
 public:
  Membership(int pid, const std::filesystem::path& proc)
      : pid_(pid), proc_(proc), namespace_(pid_namespace(proc, std::to_string(pid))) {
    if (namespace_ == pid_namespace(proc, "self")) {
      namespace_ = 0;  // the host's tells nothing
    }
  }

  Result<> check(const std::filesystem::path& cgroup) {
    std::vector<std::filesystem::path> todo{cgroup};
    for (std::size_t seen = 0; !todo.empty(); ++seen) {
      if (seen == kMaxCgroups) {
        return fail("its cgroup " + escape(cgroup.string()) + " has more than " +
                    std::to_string(kMaxCgroups) + " cgroups below it");
      }
      const auto directory = std::move(todo.back());
      todo.pop_back();
      if (auto good = check_one(directory); !good) {
        return good;
      }
      std::error_code ignored;  // a cgroup that goes away while it is read holds nobody
      for (std::filesystem::directory_iterator it(directory, ignored), end; !ignored && it != end;
           it.increment(ignored)) {
        if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
          todo.push_back(it->path());
        }
      }
    }
    return {};
  }

 private:
  Result<> check_one(const std::filesystem::path& cgroup) {
    auto list = read_file(cgroup / "cgroup.procs");
    if (!list) {
      return list.error().code == ENOENT || list.error().code == ENODEV
                 ? Result<>{}
                 : std::unexpected(std::move(list.error()));
    }
    for (std::string_view rest = *list; !rest.empty();) {
      int member = -1;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), member);
      if (error != std::errc{} || member < 0) {
        return fail("cannot understand " + escape(cgroup.string()) + "/cgroup.procs");
      }
      if (!belongs(member)) {
        const std::string other = member == 0 ? "a process of another pid namespace"
                                              : "process " + std::to_string(member);
        return fail("it shares cgroup " + escape(cgroup.string()) + " with " + other +
                    ", which is not the container's; let the runtime make a cgroup for each "
                    "container");
      }
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
      rest.remove_prefix(rest.starts_with('\n') ? 1 : 0);
    }
    return {};
  }

  bool belongs(int member) const {
    if (member == 0) {
      return false;  // cgroup.procs shows a process that the reader's pid namespace lacks as 0
    }
    const auto theirs = pid_namespace(proc_, std::to_string(member));
    if (namespace_ != 0 && theirs == namespace_) {
      return true;
    }
    int ancestor = member;
    for (int i = 0; i < kMaxGenerations; ++i) {
      if (ancestor == pid_) {
        return true;
      }
      const auto parent = parent_of(proc_, ancestor);
      if (!parent) {
        return ancestor == member;  // the member has ended
      }
      if (*parent <= 1) {
        return *parent == pid_;
      }
      ancestor = *parent;
    }
    return false;
  }

  int pid_;
  const std::filesystem::path& proc_;
  std::uint64_t namespace_;
};

}  // namespace

Result<> owns_cgroup(int pid, const std::filesystem::path& cgroup,
                     const std::filesystem::path& proc) {
  return Membership(pid, proc).check(cgroup);
}

}  // namespace usher::identity
