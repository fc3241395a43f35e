#include "install/run.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "install/or_throw.hpp"
#include "install/program.hpp"

namespace usher::install {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void blame_source(const Error& why) {
  throw plugin::Failure(why.message + "; the setting hook_source names the usher-hook to install",
                        USHER_FAILED, why.code);
}

}  // namespace

Run::Run(const Options& options, plugin::Report& report, bool apply)
    : options_(options), report_(report), apply_(apply), node_(options.root, options.seen.get()) {}

std::string Run::read_source() const {
  auto source = read_file(options_.hook_source, kMaxProgram);
  if (!source) {
    blame_source(source.error());
  }
  return std::move(*source);
}

std::string Run::source_version() const {
  auto version = version_of(options_.hook_source, options_);
  if (!version) {
    read_source();  // the better reason, where it cannot even be read
    blame_source(version.error());
  }
  return std::move(*version);
}

void Run::lock() {
  if (apply_) {
    or_throw(node_.make_directories(options_.hook_dir));
    lock_to_remove();
  }
}

void Run::lock_to_remove() {
  if (apply_ && node_.is_directory(options_.hook_dir)) {
    lock_ = or_throw(node_.lock(options_.hook_dir, options_.may_wait));
    or_throw(node_.remove_leftovers(options_.hook_dir, "usher-hook-"));
  }
}

std::optional<std::string> Run::content_of(const std::string& path, std::size_t limit) const {
  auto content = node_.read(path, limit);
  if (!content && content.error().code == EISDIR) {
    throw plugin::Failure(content.error().message +
                              "; a directory has the name of the hook's file: see what it is, move "
                              "it away and try again",
                          USHER_FAILED, EISDIR);
  }
  return or_throw(std::move(content));
}

void Run::put_program(const std::string& path, std::optional<timespec> not_before) {
  const auto there = node_.follow(path);
  if (same_content(options_.hook_source, there, options_).value_or(false) &&
      ::access(there.c_str(), X_OK) == 0) {
    report_.step(USHER_STEP_KEEP, path, "is the hook's program already");
    return;
  }
  const auto now = content_of(path, kMaxProgram);
  const auto source = read_source();
  changed_program_ = true;  // from now on it is newer than any file
  change(now ? USHER_STEP_REPLACE : USHER_STEP_CREATE, path,
         "the hook's program, from " + options_.hook_source, "",
         [&] { or_throw(node_.put(path, source, 0755, not_before)); });
}

void Run::prune(const std::string& current, const std::vector<std::string>& dirs) {
  for (const auto& program : installed_programs(node_, options_)) {
    if (program == current) {
      continue;
    }
    if (changed_ != 0) {
      report_.step(USHER_STEP_KEEP, program,
                   "an older program: what starts now may still call it; the next install "
                   "removes it");
    } else {
      remove_unless_used(program, dirs);
    }
  }
}

void Run::remove_programs(const std::vector<std::string>& dirs) {
  for (const auto& program : installed_programs(node_, options_)) {
    remove_unless_used(program, dirs);
  }
}

void Run::remove_unless_used(const std::string& program, const std::vector<std::string>& dirs) {
  const auto users = users_of(node_, options_, program, dirs);
  if (!users.empty()) {
    report_.step(USHER_STEP_KEEP, program, "is used by " + users.front());
  } else {
    remove(program, "nothing names it any more");
  }
}

void Run::remove(const fs::path& path, const std::string& why) {
  if (apply_ ? or_throw(node_.remove(path)) : node_.written_at(path).has_value()) {
    report_.step(USHER_STEP_REMOVE, path.string(), why);
  }
}

void Run::say_selinux(const std::string& program) {
  std::error_code none;
  if (fs::exists(node_.follow("/etc/selinux/config"), none)) {
    report_.step(USHER_STEP_MANUAL, program,
                 "with SELinux enforcing, label it: restorecon -F " + program);
  }
}

}  // namespace usher::install
