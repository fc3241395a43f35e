// usher.install/1 for Kata: the guest hook's drop-in in Kata's configurations, and the folder that
// goes into the guest. docs/kata.md.
#pragma once

#include <string>

#include "kata/install/configurations.hpp"
#include "kata/install/settings.hpp"
#include "usher/plugin.hpp"

namespace usher::kata {

// All throw plugin::Failure.
void plan_kata(const InstallOptions& options, plugin::Report& report);
void install_kata(const InstallOptions& options, plugin::Report& report);
void verify_kata(const InstallOptions& options, plugin::Report& report);
void uninstall_kata(const InstallOptions& options, plugin::Report& report);

// The first line of every file that is ours, but for the program.
inline constexpr const char* kOurs = "# Written by usherctl runtime install kata.";

// Its tables: those that `options` names or the configuration has.
std::vector<std::string> hypervisors_of(const InstallOptions& options, const Configuration& of);
// Its whole text.
std::string drop_in(const InstallOptions& options, const Configuration& of);
// Those that `options` means.
std::vector<Configuration> chosen(const InstallOptions& options, Configurations found);
// What an operator must mend in Kata's configuration for the hook to be called and to hold, a
// sentence each.
std::vector<std::string> objections(const InstallOptions& options, const Configuration& to);

}  // namespace usher::kata
