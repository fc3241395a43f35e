#include "containerd/install/settings.hpp"

#include <utility>

namespace usher::containerd {
namespace {

// A path as one file name.
std::string flat(const std::string& path) {
  std::string out;
  for (const char c : path) {
    out += c == '/' ? "%2F" : (c == '%' ? "%25" : std::string(1, c));
  }
  return out;
}

// From a list, or from the command line's one word.
std::vector<std::string> runtimes_of(const plugin::Settings& settings) {
  std::string text;
  try {
    return settings.list("runtimes");
  } catch (const plugin::Failure&) {
    text = settings.text("runtimes", "");
  }
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (end != at) {
      out.push_back(text.substr(at, end - at));
    }
    at = end + 1;
  }
  return out;
}

}  // namespace

InstallOptions InstallOptions::from(const plugin::Settings& settings) {
  InstallOptions o;
  o.runtime = settings.text("runtime", "containerd");
  if (o.runtime != "containerd") {
    install::bad_setting("runtime", "must be containerd");
  }
  o.read(settings);
  const auto mode = settings.text("mode", "closed");
  if (mode == "closed") {
    o.mode = Mode::closed;
  } else if (mode == "nri") {
    o.mode = Mode::nri;
  } else if (mode == "inject") {
    o.mode = Mode::inject;
  } else {
    install::bad_setting("mode", "must be closed, nri or inject");
  }
  o.config = settings.text("config", o.config);
  o.spec_dir = settings.text("spec_dir", o.spec_dir);
  o.containerd = settings.text("containerd", "");
  o.ctr = settings.text("ctr", "");
  o.try_start = settings.boolean("try_start", o.try_start);
  for (const auto& [key, path] : {std::pair<std::string, std::string>("config", o.config),
                                  {"spec_dir", o.spec_dir},
                                  {"containerd", o.containerd},
                                  {"ctr", o.ctr}}) {
    if (!path.empty() || key == "config" || key == "spec_dir") {
      install::check_absolute(key, path);
    }
  }
  // With another root a socket is named as it is seen from there: nothing to compare by.
  if (o.root == "/") {
    o.nri_socket = settings.text("nri.socket", "/var/run/nri/nri.sock");
    o.cri_socket = settings.text("cri.socket", "/run/containerd/containerd.sock");
  }
  while (o.spec_dir.size() > 1 && o.spec_dir.ends_with('/')) {
    o.spec_dir.pop_back();
  }
  o.runtimes = runtimes_of(settings);
  if (settings.has("kata_handlers")) {
    o.kata_handlers = settings.list("kata_handlers");
  }
  return o;
}

std::string InstallOptions::spec_path(const std::string& runtime_name) const {
  return spec_dir + "/base-" + flat(runtime_name) + ".json";
}

std::string InstallOptions::backup_path(const std::string& file) const {
  return backup_dir() + "/" + flat(file);
}

const char* name_of(Mode mode) {
  return mode == Mode::closed ? "closed" : (mode == Mode::nri ? "nri" : "inject");
}

}  // namespace usher::containerd
