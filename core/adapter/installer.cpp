#include "adapter/installer.hpp"

#include <utility>

#include "adapter/convert.hpp"
#include "adapter/library.hpp"

namespace usher::adapter {
namespace {

using Function = std::int32_t (*)(const usher_settings*, const usher_install_sink*, usher_error*);

void take_step(void* context, const usher_install_step* given) {
  const usher_install_step step = read_sized(given);
  const bool known = step.kind >= USHER_STEP_CREATE && step.kind <= USHER_STEP_MANUAL;
  static_cast<InstallReport*>(context)->steps.push_back(
      {.kind = known ? static_cast<InstallStep::Kind>(step.kind - USHER_STEP_CREATE)
                     : InstallStep::Kind::manual,
       .path = text_of(step.path),
       .what = shown(text_of(step.what)),
       .diff = text_of(step.diff, 1U << 20)});
}

void take_problem(void* context, usher_string sentence) {
  static_cast<InstallReport*>(context)->problems.push_back(shown(text_of(sentence)));
}

InstallReport run(Function function, const Config& config) {
  InstallReport report;
  const RawSettings settings(config);
  const usher_install_sink sink{sizeof sink, 0, &report, &take_step, &take_problem};
  ErrorSlot slot;
  report.ok = function(settings.get(), &sink, slot.get()) == USHER_OK;
  if (!report.ok) {
    report.error = slot.take().message;
  }
  return report;
}

usher_install functions(const void* table) {
  return read_sized(static_cast<const usher_install*>(table));
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
  installer.table_ = library->extension<usher_install>(USHER_EXT_INSTALL);
  const usher_install table = functions(installer.table_);
  if (table.plan == nullptr || table.install == nullptr || table.verify == nullptr ||
      table.uninstall == nullptr) {
    return fail("adapter " + library->name + " has nothing to install (no " USHER_EXT_INSTALL ")");
  }
  return installer;
}

InstallReport Installer::plan(const Config& settings) const {
  return run(functions(table_).plan, settings);
}
InstallReport Installer::install(const Config& settings) const {
  return run(functions(table_).install, settings);
}
InstallReport Installer::verify(const Config& settings) const {
  return run(functions(table_).verify, settings);
}
InstallReport Installer::uninstall(const Config& settings) const {
  return run(functions(table_).uninstall, settings);
}

}  // namespace usher::adapter
