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

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<Library> check_descriptor(const fs::path& path, const usher_plugin* exported) {
  Library library{.path = path, .name = {}, .version = {}, .plugin = read_sized(exported)};
  const usher_plugin& plugin = library.plugin;
  library.name = text_of(plugin.name, 256);
  library.version = shown(text_of(plugin.version, 256));
  if (!good_name(library.name)) {
    return fail("its name is \"" + escape(library.name) + "\"; it must be of a-z, 0-9 and '-'");
  }
  const std::pair<const char*, bool> needed[] = {
      {"probe", plugin.probe != nullptr},     {"create", plugin.create != nullptr},
      {"start", plugin.start != nullptr},     {"stop", plugin.stop != nullptr},
      {"destroy", plugin.destroy != nullptr},
  };
  for (const auto& [member, there] : needed) {
    if (!there) {
      return fail("usher_plugin_v1." + std::string(member) + " is missing");
    }
  }
  return library;
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
  return library ? std::move(library) : fail_in(what, std::move(library.error()));
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
