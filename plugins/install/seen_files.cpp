#include "install/seen_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace usher::install {
namespace {

using std::chrono::nanoseconds;

nanoseconds since_epoch(const timespec& at) {
  return std::chrono::seconds(at.tv_sec) + nanoseconds(at.tv_nsec);
}

struct State {
  std::string text;        // empty: one of the files is not there
  nanoseconds changed{0};  // when the last of them did, by its ctime
};

State state_of(const std::vector<std::filesystem::path>& files) {
  State state;
  for (const auto& file : files) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) {
      return {};
    }
    state.changed = std::max(state.changed, since_epoch(info.st_ctim));
    for (const std::int64_t part :
         {static_cast<std::int64_t>(info.st_dev), static_cast<std::int64_t>(info.st_ino),
          static_cast<std::int64_t>(info.st_size), since_epoch(info.st_mtim).count(),
          since_epoch(info.st_ctim).count()}) {
      state.text += std::to_string(part) + ' ';
    }
  }
  return state;
}

}  // namespace

bool SeenFiles::knows(const std::vector<std::filesystem::path>& files,
                      const std::string& question) const {
  const auto known = known_.find({files, question});
  return known != known_.end() && known->second.state == state_of(files).text;
}

Result<std::string> SeenFiles::learn(const std::vector<std::filesystem::path>& files,
                                     const std::string& question, const Ask& ask) {
  Key key(files, question);
  const State state = state_of(files);
  if (const auto known = known_.find(key); known != known_.end()) {
    if (known->second.state == state.text) {
      return known->second.answer;
    }
    bytes_ -= known->second.answer.size();
    known_.erase(known);
  }
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  auto answer = ask();
  // A change in the time to come is a clock that was set back: nothing can be told by it.
  const bool settled = since_epoch(now) - state.changed > settled_;
  if (!answer || !settled || answer->size() > kMaxAnswer || state.text.empty() ||
      state.text != state_of(files).text) {
    return answer;
  }
  if (known_.size() == kMaxKnown || bytes_ + answer->size() > kMaxBytes) {
    known_.clear();
    bytes_ = 0;
  }
  bytes_ += answer->size();
  known_.emplace(std::move(key), Known{state.text, *answer});
  return answer;
}

}  // namespace usher::install
