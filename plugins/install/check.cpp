#include "install/check.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "base/escape.hpp"
#include "install/program.hpp"

namespace usher::install {

bool is_roots(const Node& node, const std::string& path, plugin::Report& report) {
  struct stat info{};
  if (::stat(node.follow(path).c_str(), &info) == 0 &&
      (info.st_uid != 0 || (info.st_mode & 0022) != 0)) {
    report.problem(path + " can be written by others than root; chown root and chmod go-w it");
    return false;
  }
  return true;
}

void check_program(const Node& node, const Options& options, const std::string& path,
                   const std::string& version, const std::string& mend, plugin::Report& report) {
  const std::filesystem::path there = node.follow(path);
  struct stat info{};
  if (::stat(there.c_str(), &info) != 0) {
    report.problem(path + " is missing: " + options.runtime + " cannot call the hook; " + mend);
    return;
  }
  if (!S_ISREG(info.st_mode) || (info.st_mode & 0111) == 0) {
    report.problem(path + " is not an executable file; " + mend);
    return;
  }
  const bool trusted = is_roots(node, options.hook_dir, report) && is_roots(node, path, report);
  if (!same_content(options.hook_source, there, options).value_or(true)) {
    report.problem(path + " is not the same as " + options.hook_source + "; " + mend);
  } else if (const auto says = trusted ? version_of(there, options) : Result<std::string>(version);
             !says) {
    report.problem(path + " does not run: " + says.error().message + "; " + mend);
  } else if (*says != version) {
    report.problem(path + " says that it is version " + escape(*says) + ", not " + version + "; " +
                   mend);
  } else {
    report.step(USHER_STEP_KEEP, path, "is the hook's program, version " + version);
  }
}

}  // namespace usher::install
