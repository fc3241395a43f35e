#include "adapter/library.hpp"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>

#include "adapter/convert.hpp"
#include "base/escape.hpp"

namespace usher::adapter {
namespace {

namespace fs = std::filesystem;

Result<> check_owner(const fs::path& path, bool trust_any_owner) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return fail_system("cannot stat " + path.string());
  }
  if (info.st_uid != 0 && !trust_any_owner) {
    return fail(path.string() + " belongs to uid " + std::to_string(info.st_uid) +
                "; make it root's (chown root)");
  }
  const bool sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
    return fail(path.string() + " is writable by others than its owner; chmod go-w it");
  }
  return {};
}

Result<> check_trust(const fs::path& path, bool trust_any_owner) {
  for (fs::path part = path;; part = part.parent_path()) {
    if (auto good = check_owner(part, trust_any_owner); !good) {
      return good;
    }
    if (part == part.parent_path()) {
      return {};
    }
  }
}

constexpr std::uint64_t kMaxRuntimes = 64;
constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr std::string_view kRuntimeLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

Checked<std::string> take_name(usher_string from, const char* what, std::string_view letters) {
  auto name = take_text(from, what, 64);
  if (name && (name->empty() || name->find_first_not_of(letters) != std::string::npos)) {
    return std::unexpected(Misuse{
        Count::bad_values,
        "has the " + std::string(what) + " \"" + escape(*name) + "\"; it must be of 1 to 64 of " +
            (letters == kNameLetters ? "a-z, 0-9, '-'" : "a-z, A-Z, 0-9, '._-'")});
  }
  return name;
}

Checked<std::vector<std::string>> take_runtimes(const usher_plugin& plugin) {
  if (plugin.runtime_count == 0 || plugin.runtime_count > kMaxRuntimes ||
      plugin.runtimes == nullptr) {
    return std::unexpected(Misuse{Count::wild_lengths, "must name 1 to 64 runtimes and names " +
                                                           std::to_string(plugin.runtime_count)});
  }
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < plugin.runtime_count; ++i) {
    auto name = take_name(plugin.runtimes[i], "runtime", kRuntimeLetters);
    if (!name) {
      return std::unexpected(name.error());
    }
    if (std::ranges::find(names, *name) != names.end()) {
      return std::unexpected(Misuse{Count::bad_values, "names runtime " + *name + " twice"});
    }
    names.push_back(std::move(*name));
  }
  return names;
}

Checked<Library> check_descriptor(const fs::path& path, const usher_plugin* exported) {
  auto plugin = read_sized(exported, "usher_plugin_v1");
  if (!plugin) {
    return std::unexpected(plugin.error());
  }
  const std::pair<const char*, bool> needed[] = {
      {"probe", plugin->probe != nullptr},     {"create", plugin->create != nullptr},
      {"start", plugin->start != nullptr},     {"stop", plugin->stop != nullptr},
      {"destroy", plugin->destroy != nullptr},
  };
  for (const auto& [member, there] : needed) {
    if (!there) {
      return std::unexpected(
          Misuse{Count::null_members, "has no usher_plugin_v1." + std::string(member)});
    }
  }
  auto name = take_name(plugin->name, "name", kNameLetters);
  auto version = take_text(plugin->version, "version", 256);
  auto runtimes = take_runtimes(*plugin);
  for (const auto* misuse : {name ? nullptr : &name.error(), version ? nullptr : &version.error(),
                             runtimes ? nullptr : &runtimes.error()}) {
    if (misuse != nullptr) {
      return std::unexpected(*misuse);
    }
  }
  return Library{.path = path,
                 .name = std::move(*name),
                 .version = shown(*version),
                 .runtimes = std::move(*runtimes),
                 .plugin = *plugin};
}

}  // namespace

Result<Library> open_library(const fs::path& given, bool trust_any_owner) {
  const std::string what = "cannot load adapter " + escape(given.string());
  std::error_code error;
  const fs::path path = fs::canonical(given, error);
  if (error) {
    return fail_system(what, error.value());
  }
  if (auto good = check_trust(path, trust_any_owner); !good) {
    return fail_in(what, std::move(good.error()));
  }
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return fail_in(what, {shown(::dlerror()), 0});
  }
  const void* symbol = ::dlsym(handle, "usher_plugin_v1");
  if (symbol == nullptr) {
    return fail_in(what, {"it exports no usher_plugin_v1; it is no adapter, or one for another "
                          "major version of the interface",
                          0});
  }
  auto library = check_descriptor(path, static_cast<const usher_plugin*>(symbol));
  if (!library) {
    return fail_in(what, {"it " + library.error().what, EINVAL});
  }
  return std::move(*library);
}

Result<std::vector<fs::path>> find_libraries(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".so") {
      found.push_back(it->path());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_system("cannot read the adapter directory " + directory.string(), error.value());
  }
  std::ranges::sort(found);
  return found;
}

fs::path library_path(const std::string& name_or_path, const fs::path& directory) {
  return name_or_path.find('/') == std::string::npos ? directory / (name_or_path + ".so")
                                                     : fs::path(name_or_path);
}

}  // namespace usher::adapter
