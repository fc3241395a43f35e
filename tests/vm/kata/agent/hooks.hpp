// Guest hooks as Kata's agent finds and runs them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace usher::kata {

// Found once, when the sandbox is created: regular files with any x bit, no symlinks, in the order
// of the folder.
class GuestHooks {
 public:
  GuestHooks() = default;
  explicit GuestHooks(const std::filesystem::path& folder);

  // Runs those of `type` (prestart, poststart, poststop), one after the other, in the current
  // directory: argv [filename, type], an empty environment, `state` on standard input and then its
  // end. Waits up to 10 s until standard output and standard error are closed, then 1 s for the
  // end, and kills what is there then. Says on standard error how each went; what a hook returns is
  // of no consequence.
  void run(std::string_view type, const std::string& state) const;

  std::size_t count() const;

 private:
  std::map<std::string, std::vector<std::filesystem::path>, std::less<>> paths_;
};

}  // namespace usher::kata
