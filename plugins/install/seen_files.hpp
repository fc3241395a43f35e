// What was learnt of files in an earlier look, so that a look costs a stat where nothing changed.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace usher::install {

// One thread's. A file counts as unchanged while its device, inode, size, mtime and ctime are the
// same. What was written within `settled` before it was read is read again, for it may be written
// once more within the same tick of the filesystem's clock.
class SeenFiles {
 public:
  using Ask = std::function<Result<std::string>()>;

  explicit SeenFiles(std::chrono::nanoseconds settled = std::chrono::seconds(2))
      : settled_(settled) {}

  // What `ask` said of `files`, paths as they lie here; it is called where one of them is not as it
  // was when it was called last. Failures, what is longer than a mebibyte, and what was said of a
  // file that is not there are not remembered.
  Result<std::string> learn(const std::vector<std::filesystem::path>& files,
                            const std::string& question, const Ask& ask);
  bool knows(const std::vector<std::filesystem::path>& files, const std::string& question) const;

 private:
  struct Known {
    std::string state;
    std::string answer;
  };
  static constexpr std::size_t kMaxKnown = 16384;
  static constexpr std::size_t kMaxAnswer = 1U << 20;
  static constexpr std::size_t kMaxBytes = 8U << 20;  // of all answers

  using Key = std::pair<std::vector<std::filesystem::path>, std::string>;

  std::chrono::nanoseconds settled_;
  std::map<Key, Known> known_;
  std::size_t bytes_ = 0;
};

// Without a memory the question is asked.
inline Result<std::string> learn(SeenFiles* seen, const std::vector<std::filesystem::path>& files,
                                 const std::string& question, const SeenFiles::Ask& ask) {
  return seen != nullptr ? seen->learn(files, question, ask) : ask();
}

}  // namespace usher::install
