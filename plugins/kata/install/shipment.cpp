#include "kata/install/shipment.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace usher::kata {

namespace fs = std::filesystem;

std::string hook_config(const InstallOptions& options) {
  std::string out =
      "# Written by usherctl runtime install kata. For the hooks in the folders beside it.\n";
  if (!options.agent.empty()) {
    out += "agent = " + options.agent + "\n";
  }
  out += "relay = vsock:" + std::to_string(options.port) + "\n";
  out += "deadline = " + std::to_string(options.hook_deadline.count()) + "ms\n";
  out += std::string("fail = ") + (options.hook_open ? "open" : "closed") + "\n";
  return out;
}

Scanned scan(const install::Node& node, const std::string& folder) {
  Scanned out;
  std::error_code failed;
  for (fs::directory_iterator at(node.follow(folder), failed), end; !failed && at != end;
       at.increment(failed)) {
    const auto name = at->path().filename().string();
    struct stat info{};
    if (::lstat(at->path().c_str(), &info) != 0) {
      continue;
    }
    if (S_ISLNK(info.st_mode)) {
      out.passed_over.push_back(name + ": it is a link, which Kata passes over");
    } else if (!S_ISREG(info.st_mode)) {
      out.passed_over.push_back(name + ": it is no regular file");
    } else if ((info.st_mode & 0111) == 0) {
      out.passed_over.push_back(name + ": nobody may run it");
    } else {
      out.called.push_back(name);
    }
  }
  std::ranges::sort(out.called);
  std::ranges::sort(out.passed_over);
  return out;
}

}  // namespace usher::kata
