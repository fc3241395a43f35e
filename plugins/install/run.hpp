// One run of an installer: the hook's program, and every change told as a step, whether it is made
// or only planned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "install/node.hpp"
#include "install/options.hpp"
#include "usher/plugin.hpp"

namespace usher::install {

// All members throw plugin::Failure. `options` and `report` outlive it.
class Run {
 public:
  Run(const Options& options, plugin::Report& report, bool apply);

 protected:
  ~Run() = default;

  // Of the program to install, which must run here and say it.
  std::string source_version() const;
  // Makes the program's directory and holds its lock while this lives. Not in a plan.
  void lock();
  // The lock for taking away: none where there is no directory.
  void lock_to_remove();

  // A file's; nothing where it is not there.
  std::optional<std::string> content_of(const std::string& path, std::size_t limit) const;
  // With a time that is not before `not_before`, whatever the clock says.
  void put_program(const std::string& path, std::optional<timespec> not_before = {});
  // Programs of other versions than that at `current`. Where this run changed something they stay
  // for the next one: what starts now may still call them. `dirs`: where a file may name them.
  void prune(const std::string& current, const std::vector<std::string>& dirs);
  void remove_programs(const std::vector<std::string>& dirs);

  template <class Apply>
  void change(std::uint32_t kind, const std::string& path, const std::string& what,
              const std::string& diff, Apply apply) {
    ++changed_;
    if (apply_) {
      apply();
    }
    report_.step(kind, path, what, diff);
  }
  void remove(const std::filesystem::path& path, const std::string& why);
  void say_selinux(const std::string& program);

  const Options& options() const { return options_; }
  const Node& node() const { return node_; }
  plugin::Report& report() { return report_; }
  bool apply() const { return apply_; }
  std::size_t changed() const { return changed_; }
  bool changed_program() const { return changed_program_; }

 private:
  std::string read_source() const;
  void remove_unless_used(const std::string& program, const std::vector<std::string>& dirs);

  const Options& options_;
  plugin::Report& report_;
  bool apply_;
  Node node_;
  Fd lock_;
  std::size_t changed_ = 0;
  bool changed_program_ = false;
};

}  // namespace usher::install
