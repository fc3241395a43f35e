#include "adapter/installer.hpp"

#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "adapter/bridge.hpp"
#include "adapter/convert.hpp"
#include "adapter/library.hpp"

namespace usher::adapter {
namespace {

using Function = std::int32_t (*)(const usher_settings*, const usher_install_sink*, usher_error*);

// Where one call reports to; what comes from elsewhere, or later, is misuse and not taken.
struct Desk {
  std::mutex mutex;  // of all below
  InstallReport report;
  std::vector<Misuse> misuses;
  std::thread::id caller = std::this_thread::get_id();
  bool open = true;

  // Called with the lock held.
  bool takes(const char* what) {
    if (!open) {
      misuses.push_back({Count::calls_after_stop, "called " + std::string(what) + " too late"});
    } else if (std::this_thread::get_id() != caller) {
      misuses.push_back({Count::wrong_threads, "called " + std::string(what) +
                                                   " from another thread than it was called on"});
    } else {
      return true;
    }
    return false;
  }
};

void take_step(void* context, const usher_install_step* given) {
  auto& desk = *static_cast<Desk*>(context);
  const std::scoped_lock lock(desk.mutex);
  if (!desk.takes("step")) {
    return;
  }
  const auto step = read_sized(given, "usher_install_step");
  if (!step) {
    desk.misuses.push_back(step.error());
    return;
  }
  const bool known = step->kind >= USHER_STEP_CREATE && step->kind <= USHER_STEP_MANUAL;
  const auto path = take_text(step->path, "a step's path");
  const auto what = take_words(step->what, "a step's sentence");
  const auto diff = take_text(step->diff, "a step's diff", 1U << 20);
  if (!known || !path || !what || !diff) {
    desk.misuses.push_back(!known  ? Misuse{Count::bad_values, "reported a step of unknown kind"}
                           : !path ? path.error()
                           : !what ? what.error()
                                   : diff.error());
    return;
  }
  desk.report.steps.push_back(
      {.kind = static_cast<InstallStep::Kind>(step->kind - USHER_STEP_CREATE),
       .path = *path,
       .what = shown(*what),
       .diff = *diff});
}

void take_problem(void* context, usher_string sentence) {
  auto& desk = *static_cast<Desk*>(context);
  const std::scoped_lock lock(desk.mutex);
  if (!desk.takes("problem")) {
    return;
  }
  if (const auto text = take_words(sentence, "a problem")) {
    desk.report.problems.push_back(shown(*text));
  } else {
    desk.misuses.push_back(text.error());
  }
}

InstallReport run(Function function, const Config& config) {
  const auto desk = std::make_shared<Desk>();
  keep_for_ever(desk);
  const RawSettings settings(config);
  const usher_install_sink sink{sizeof sink, 0, desk.get(), &take_step, &take_problem};
  ErrorSlot slot;
  const bool ok = function(settings.get(), &sink, slot.get()) == USHER_OK;
  const std::scoped_lock lock(desk->mutex);
  desk->open = false;
  InstallReport report = std::move(desk->report);
  report.ok = ok && desk->misuses.empty();
  if (!ok) {
    report.error = slot.take().message;
  }
  for (const auto& misuse : desk->misuses) {
    report.problems.push_back("the adapter " + misuse.what + ": report it to its author");
    if (ok) {
      report.error = "the adapter " + misuse.what;
    }
  }
  return report;
}

}  // namespace

Result<Installer> Installer::open(const std::string& name_or_path,
                                  const std::filesystem::path& directory, bool trust_any_owner) {
  const auto library = open_library(library_path(name_or_path, directory), trust_any_owner);
  if (!library) {
    return std::unexpected(library.error());
  }
  Installer installer;
  installer.name_ = library->name;
  installer.version_ = library->version;
  const auto* table = library->extension<usher_install>(USHER_EXT_INSTALL);
  if (table == nullptr) {
    return fail("adapter " + library->name + " has nothing to install (no " USHER_EXT_INSTALL ")");
  }
  const auto functions = read_sized(table, "usher_install");
  if (!functions) {
    return fail("adapter " + library->name + " " + functions.error().what, EINVAL);
  }
  installer.functions_ = *functions;
  const usher_install& all = installer.functions_;
  if (all.plan == nullptr || all.install == nullptr || all.verify == nullptr ||
      all.uninstall == nullptr) {
    return fail("adapter " + library->name + " lacks a function of " USHER_EXT_INSTALL, EINVAL);
  }
  return installer;
}

InstallReport Installer::plan(const Config& settings) const {
  return run(functions_.plan, settings);
}
InstallReport Installer::install(const Config& settings) const {
  return run(functions_.install, settings);
}
InstallReport Installer::verify(const Config& settings) const {
  return run(functions_.verify, settings);
}
InstallReport Installer::uninstall(const Config& settings) const {
  return run(functions_.uninstall, settings);
}

}  // namespace usher::adapter
