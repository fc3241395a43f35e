#include "install/program.hpp"

#include <algorithm>
#include <string_view>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "install/command.hpp"
#include "install/seen_files.hpp"

namespace usher::install {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kName = "usher-hook";
constexpr std::size_t kEnoughUsers = 3;
constexpr std::size_t kMaxRecords = 4096;
constexpr std::size_t kMaxAnswer = 4096;
constexpr std::size_t kMaxRecord = 4U << 20;

bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view(".+~-").find(c) != std::string_view::npos;
  });
}

Result<std::string> ask_version(const fs::path& file, std::chrono::milliseconds deadline) {
  auto answer = run_command({file, "--version"}, {}, deadline, kMaxAnswer);
  if (answer && answer->status != 0) {
    return fail("it fails");
  }
  if (!answer) {
    return std::unexpected(std::move(answer.error()));
  }
  return std::move(answer->out);
}

// Looks for a name in files, so many bytes of them that were not read before.
class Search {
 public:
  Search(const Node& node, const Options& options, std::string what)
      : node_(node),
        seen_(options.seen.get()),
        what_(std::move(what)),
        question_("names " + what_),
        left_(options.may_wait ? kBytesWaiting : kBytesAtOnce) {}

  bool names(const fs::path& file) {
    const fs::path there = node_.follow(file);
    if (seen_ == nullptr || !seen_->knows({there}, question_)) {
      std::error_code error;
      const auto size = std::min<std::uintmax_t>(fs::file_size(there, error), kMaxRecord);
      if (!error && size > left_) {
        through_ = false;
        return false;
      }
      left_ -= error ? 0 : static_cast<std::size_t>(size);
    }
    const auto answer = learn(seen_, {there}, question_, [&]() -> Result<std::string> {
      const auto content = read_file(there, kMaxRecord);
      return content ? Result<std::string>(content->find(what_) != std::string::npos ? "yes" : "no")
                     : std::unexpected(content.error());
    });
    // What cannot be read may well name it.
    return answer ? *answer == "yes" : answer.error().code != ENOENT;
  }
  void stop() { through_ = false; }
  bool through() const { return through_; }

 private:
  static constexpr std::size_t kBytesAtOnce = 16U << 20;
  static constexpr std::size_t kBytesWaiting = 1U << 30;

  const Node& node_;
  SeenFiles* seen_;
  std::string what_;
  std::string question_;
  std::size_t left_;
  bool through_ = true;  // nothing was left out
};

// Where runc, crun, CRI-O, podman and containerd keep a container's record while it exists.
constexpr std::pair<const char*, const char*> kRecords[] = {
    {"/run/runc", "state.json"},
    {"/run/crun", "config.json"},
    {"/run/containers/storage/overlay-containers", "userdata/config.json"},
    {"/run/containerd/io.containerd.runtime.v2.task/k8s.io", "config.json"},
};

}  // namespace

Result<std::string> version_of(const fs::path& file, std::chrono::milliseconds deadline) {
  const auto answer = ask_version(file, deadline);
  const std::string tried = escape(file.string()) + " --version";
  if (!answer) {
    return fail_in(tried, answer.error());
  }
  std::string_view text = *answer;
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  if (!text.starts_with("usher-hook ") || !is_version(text.substr(kName.size() + 1))) {
    return fail(tried + ": it says \"" + escape(text) + "\", which no usher-hook says");
  }
  return std::string(text.substr(kName.size() + 1));
}

Result<std::string> version_of(const fs::path& file, const Options& options) {
  return learn(options.seen.get(), {file}, "version",
               [&] { return version_of(file, patience(options)); });
}

Result<bool> same_content(const fs::path& one, const fs::path& other, const Options& options) {
  const auto same = learn(options.seen.get(), {one, other}, "same", [&]() -> Result<std::string> {
    const auto first = read_file(one, kMaxProgram);
    const auto second = read_file(other, kMaxProgram);
    if (!first || !second) {
      return std::unexpected(first ? second.error() : first.error());
    }
    return *first == *second ? "yes" : "no";
  });
  return same ? Result<bool>(*same == "yes") : std::unexpected(same.error());
}

std::chrono::milliseconds patience(const Options& options) {
  return options.may_wait ? std::chrono::seconds(5) : std::chrono::seconds(1);
}

std::string program_path(const Options& options, const std::string& version) {
  return options.hook_dir + (options.hook_dir == "/" ? "" : "/") + std::string(kName) + "-" +
         version;
}

std::vector<std::string> installed_programs(const Node& node, const Options& options) {
  std::vector<std::string> found;
  std::error_code error;
  const std::string prefix = std::string(kName) + "-";
  for (fs::directory_iterator it(node.follow(options.hook_dir), error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename();
    if (name.starts_with(prefix) && is_version(std::string_view(name).substr(prefix.size()))) {
      found.push_back(program_path(options, name.substr(prefix.size())));
    }
  }
  std::ranges::sort(found);
  return found;
}

std::vector<std::string> users_of(const Node& node, const Options& options, const std::string& path,
                                  const std::vector<std::string>& dirs) {
  // The file's name alone, since JSON may spell the path in other ways ("\/"): rather too many.
  Search search(node, options, fs::path(path).filename());
  std::vector<std::string> users;
  std::error_code error;
  for (const auto& dir : dirs) {
    for (fs::directory_iterator it(node.follow(dir), error), end; !error && it != end;
         it.increment(error)) {
      const fs::path file = fs::path(dir) / it->path().filename();
      if (file.native().ends_with(".json") && users.size() < kEnoughUsers && search.names(file)) {
        users.push_back(file);
      }
    }
    error.clear();
  }
  std::size_t looked_at = 0;
  for (const auto& [dir, record] : kRecords) {
    for (fs::directory_iterator it(node.follow(dir), error), end;
         !error && it != end && users.size() < kEnoughUsers; it.increment(error)) {
      if (++looked_at > kMaxRecords) {
        search.stop();
        break;
      }
      const fs::path file = fs::path(dir) / it->path().filename() / record;
      if (search.names(file)) {
        users.push_back(file);
      }
    }
    error.clear();
  }
  if (users.empty() && !search.through()) {
    users.emplace_back("one of the containers, perhaps: not all of their records were read yet");
  }
  return users;
}

}  // namespace usher::install
