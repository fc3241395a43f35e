#include "identity/membership.hpp"

#include <sys/stat.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "identity/cgroup_path.hpp"

namespace usher::identity {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxCgroups = 4096;
constexpr int kMaxGenerations = 4096;

std::uint64_t pid_namespace(const fs::path& proc, const std::string& pid) {
  struct stat info{};
  return ::stat((proc / pid / "ns/pid").c_str(), &info) == 0 ? info.st_ino : 0;
}

// Field 4 of /proc/PID/stat; the name in field 2 may hold anything, also ')'.
std::optional<int> parent_of(const fs::path& proc, int pid) {
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

bool is_member(int pid, const fs::path& cgroup) {
  const auto list = read_file(cgroup / "cgroup.procs");
  return list && ("\n" + *list).find("\n" + std::to_string(pid) + "\n") != std::string::npos;
}

class Membership {
 public:
  Membership(int pid, const fs::path& proc)
      : pid_(pid), proc_(proc), namespace_(pid_namespace(proc, std::to_string(pid))) {
    if (namespace_ == pid_namespace(proc, "self")) {
      namespace_ = 0;  // the host's tells nothing
    }
  }
  struct ByDescent {};
  Membership(int pid, const fs::path& proc, ByDescent) : pid_(pid), proc_(proc), namespace_(0) {}

  Result<> check(const fs::path& cgroup) {
    std::vector<fs::path> todo{cgroup};
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
      for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end;
           it.increment(ignored)) {
        if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
          todo.push_back(it->path());
        }
      }
    }
    return {};
  }

 private:
  Result<> check_one(const fs::path& cgroup) {
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
  const fs::path& proc_;
  std::uint64_t namespace_;
};

}  // namespace

Result<> owns_cgroup(int pid, const fs::path& cgroup, const fs::path& proc) {
  return Membership(pid, proc).check(cgroup);
}

Result<> is_one_family(int pid, const fs::path& cgroup, const fs::path& proc) {
  const auto parent = parent_of(proc, pid);
  if (!parent) {
    return fail("the process is gone", ESRCH);
  }
  const bool with_parent = *parent > 1 && is_member(*parent, cgroup);
  return Membership(with_parent ? *parent : pid, proc, Membership::ByDescent{}).check(cgroup);
}

bool mount_namespace_shared(std::uint32_t mntns, std::string_view cgroup, const fs::path& proc) {
  const auto below = [&](const std::string& path) {
    return path == cgroup ||
           (path.starts_with(cgroup) && path.size() > cgroup.size() && path[cgroup.size()] == '/');
  };
  const auto lives_there = [&](const fs::path& thread) {
    struct stat info{};
    // A thread that is ending has left its namespaces.
    if (::stat((thread / "ns/mnt").c_str(), &info) != 0 || info.st_ino != mntns) {
      return false;
    }
    const auto text = read_file(thread / "cgroup");
    const auto path = text ? unified_path(*text) : std::unexpected(text.error());
    return !path || !below(*path);
  };
  std::error_code ignored;  // what goes away while it is read lives nowhere
  for (fs::directory_iterator process(proc, ignored), end; !ignored && process != end;
       process.increment(ignored)) {
    const auto name = process->path().filename().native();
    if (name.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    std::error_code gone;
    for (fs::directory_iterator thread(process->path() / "task", gone); !gone && thread != end;
         thread.increment(gone)) {
      if (lives_there(thread->path())) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace usher::identity
