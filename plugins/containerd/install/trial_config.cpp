#include "containerd/install/trial_config.hpp"

#include <initializer_list>
#include <sstream>
#include <utility>

#include "base/escape.hpp"

#define USHER_TOML usher_trial_toml
#include "install/checked_toml.hpp"

namespace usher::containerd {
namespace {

class Editor {
 public:
  Editor(toml::table& all, const std::string& directory,
         const std::function<bool(const std::string&)>& is_there)
      : all_(all), directory_(directory), is_there_(is_there) {}

  void edit() {
    all_.erase("imports");  // the dump holds them
    for (const char* place : {"root", "state", "temp"}) {
      all_.insert_or_assign(place, directory_ + "/" + place);
    }
    all_.insert_or_assign("oom_score", 0);
    set({"grpc"}, "address", directory_ + "/c.sock");
    set({"grpc"}, "tcp_address", "");
    set({"ttrpc"}, "address", directory_ + "/t.sock");
    set({"debug"}, "address", "");
    set({"debug"}, "level", "info");  // the reason is there
    set({"debug"}, "format", "");
    set({"metrics"}, "address", "");
    set({"cgroup"}, "path", "");
    // Its garbage collector would take the node's snapshots for nobody's.
    each("proxy_plugins", [&](std::string_view, toml::table& proxy) {
      proxy.insert_or_assign("address", directory_ + "/nobody.sock");
    });
    each("plugins", [&](std::string_view id, toml::table& plugin) { edit_plugin(id, plugin); });
  }

 private:
  void edit_plugin(std::string_view id, toml::table& plugin) {
    if (id.starts_with("io.containerd.snapshotter.v1.")) {
      move(plugin, "root_path");
    } else if (id == "io.containerd.nri.v1.nri") {
      plugin.insert_or_assign("socket_path", directory_ + "/nri.sock");
      plugin.insert_or_assign("plugin_path", directory_ + "/none");
      plugin.insert_or_assign("plugin_config_path", directory_ + "/none");
    } else if (id == "io.containerd.internal.v1.opt") {
      move_unless_there(plugin, "path");
    } else if (id == "io.containerd.service.v1.tasks-service") {
      replace(plugin, "rdt_config_file", "");  // it would write it to the node's
    } else if (id == "io.containerd.grpc.v1.cri" || id == "io.containerd.cri.v1.runtime") {
      edit_cri(plugin);
    }
  }

  void edit_cri(toml::table& cri) {
    replace(cri, "stream_server_address", "127.0.0.1");
    replace(cri, "stream_server_port", "0");
    if (auto* cni = cri["cni"].as_table()) {
      move_unless_there(*cni, "conf_dir");
    }
    if (auto* runtimes = cri["containerd"]["runtimes"].as_table()) {
      for (auto&& [name, runtime] : *runtimes) {
        if (auto* table = runtime.as_table()) {
          move_unless_there(*table, "cni_conf_dir");
        }
      }
    }
  }

  void set(std::initializer_list<const char*> path, const char* key, const std::string& value) {
    toml::table* at = &all_;
    for (const char* name : path) {
      if ((*at)[name].as_table() == nullptr) {
        at->insert_or_assign(name, toml::table{});
      }
      at = (*at)[name].as_table();
    }
    at->insert_or_assign(key, value);
  }

  template <class Function>
  void each(const char* name, Function function) {
    if (auto* tables = all_[name].as_table()) {
      for (auto&& [key, value] : *tables) {
        if (auto* table = value.as_table()) {
          function(key.str(), *table);
        }
      }
    }
  }

  // Only what that version of containerd has.
  static void replace(toml::table& table, const char* key, const char* value) {
    if (table.contains(key)) {
      table.insert_or_assign(key, value);
    }
  }
  void move(toml::table& table, const char* key) {
    if (const auto* path = table[key].as_string(); path != nullptr && !path->get().empty()) {
      table.insert_or_assign(key, directory_ + "/" + std::to_string(moved_++));
    }
  }
  void move_unless_there(toml::table& table, const char* key) {
    const auto* path = table[key].as_string();
    if (path != nullptr && !is_there_(path->get())) {
      move(table, key);
    }
  }

  toml::table& all_;
  const std::string& directory_;
  const std::function<bool(const std::string&)>& is_there_;
  int moved_ = 0;
};

}  // namespace

Result<std::string> trial_config(std::string_view dump, const std::string& directory,
                                 const std::function<bool(const std::string&)>& is_there) {
  try {
    auto all = toml::parse(dump, std::string_view("containerd config dump"));
    Editor(all, directory, is_there).edit();
    std::ostringstream out;
    out << all << '\n';
    return std::move(out).str();
  } catch (const std::exception& error) {
    return fail("containerd config dump cannot be read: " + escape(error.what()));
  }
}

}  // namespace usher::containerd
