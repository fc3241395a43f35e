#include "containerd/install/config.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "base/escape.hpp"
#include "containerd/install/edit.hpp"
#include "containerd/install/imports.hpp"
#include "containerd/install/kata.hpp"

namespace usher::containerd {
namespace {

constexpr std::size_t kMaxFiles = 256;
constexpr const char* kCri2 = "io.containerd.grpc.v1.cri";
constexpr const char* kCri3 = "io.containerd.cri.v1.runtime";

std::string at(const ConfigFile& file, std::uint32_t line) {
  return escape(file.path) + ":" + std::to_string(line) + ": ";
}

class Reader {
 public:
  Reader(const install::Node& node, const Generation& generation, Ours ours)
      : node_(node), ours_(ours) {
    config_.generation = generation;
  }

  Result<Config> read(const std::string& root) {
    if (auto loaded = load_all(root); !loaded) {
      return std::unexpected(std::move(loaded.error()));
    }
    for (const auto& check : {check_versions(), check_disabled(), check_old_tables()}) {
      if (!check) {
        return std::unexpected(check.error());
      }
    }
    read_runtimes();
    read_nri();
    for (const auto& file : config_.files) {
      for (const auto& [path, to] :
           {std::pair(KeyPath{"grpc", "address"}, &config_.address), {{"root"}, &config_.root}}) {
        const auto* leaf = file.view.leaf(path);
        if (leaf != nullptr && leaf->text && !leaf->text->empty()) {
          *to = *leaf->text;
        }
      }
    }
    return std::move(config_);
  }

 private:
  Result<> load_all(const std::string& root) {
    std::deque<std::string> pending = {root};
    std::set<std::string> seen;
    while (!pending.empty()) {
      const std::string path = pending.front();
      pending.pop_front();
      if (!seen.insert(path).second) {
        continue;
      }
      if (seen.size() > kMaxFiles) {
        return fail(escape(root) + ": imports more than " + std::to_string(kMaxFiles) + " files");
      }
      if (auto loaded = load(path); !loaded) {
        return loaded;
      }
      const auto& file = config_.files.back();
      if (const auto* imports = file.view.leaf({"imports"})) {
        if (!imports->texts) {
          return fail(at(file, imports->line) + "imports must be a list of strings");
        }
        const auto more = imported(node_, path, *imports->texts, config_.generation);
        pending.insert(pending.end(), more.begin(), more.end());
      }
    }
    return {};
  }

  Result<> load(const std::string& path) {
    auto text = node_.read(path, kMaxConfig);
    if (!text) {
      return std::unexpected(std::move(text.error()));
    }
    const bool is_root = config_.files.empty();
    if (!*text && !is_root) {
      return fail(escape(path) +
                  " is imported and is not there: containerd would not start; "
                  "make it, or take it out of imports");
    }
    config_.missing = config_.missing || !*text;
    ConfigFile file{path, text->value_or(""), "", {}, {}};
    auto back = take_back(file.text, path);
    if (!back) {
      return std::unexpected(std::move(back.error()));
    }
    file.clean = std::move(back->text);
    file.left = std::move(back->left);
    auto view = view_toml(ours_ == Ours::seen ? file.text : file.clean, path);
    if (!view) {
      return std::unexpected(std::move(view.error()));
    }
    file.view = std::move(*view);
    config_.blank = is_root ? file.view.leaves.empty() && file.view.tables.empty() : config_.blank;
    config_.files.push_back(std::move(file));
    return {};
  }

  Result<> check_versions() {
    const int newest = config_.generation.newest_file();
    for (const auto& file : config_.files) {
      const bool is_root = &file == config_.files.data();
      const auto* leaf = file.view.leaf({"version"});
      if (leaf == nullptr && is_root && config_.blank) {
        config_.version = config_.generation.plain_file();
        continue;
      }
      if (leaf == nullptr && is_root) {
        return fail(at(file, 1) +
                    "has no version, which containerd reads as 1: such a file is not "
                    "edited; bring it to version 2 and write version = 2 on top");
      }
      if (leaf == nullptr) {
        continue;
      }
      const auto version = leaf->integer.value_or(0);
      if (version < 2 || version > newest) {
        return fail(at(file, leaf->line) + "version " + escape(leaf->value) +
                    " is none that is edited for this containerd; it must be from 2 to " +
                    std::to_string(newest) + " (containerd config migrate brings it up to date)");
      }
      if (is_root) {
        config_.version = static_cast<int>(version);
      } else if (version != config_.version) {
        return fail(at(file, leaf->line) + "version " + std::to_string(version) +
                    " is not that of " + escape(config_.files.front().path) + " (" +
                    std::to_string(config_.version) + "): bring both to one version");
      }
    }
    return {};
  }

  Result<> check_disabled() {
    for (const auto& file : config_.files) {
      const auto* leaf = file.view.leaf({"disabled_plugins"});
      for (const auto& name :
           leaf != nullptr && leaf->texts ? *leaf->texts : std::vector<std::string>()) {
        if (name == kNriTable.back()) {
          config_.nri.disabled = at(file, leaf->line) + "disabled_plugins";
        } else if (name == "cri" || name == kCri2 || name == kCri3) {
          return fail(at(file, leaf->line) + "disabled_plugins holds \"" + escape(name) +
                      "\", which Kubernetes needs; take it out by hand");
        }
      }
    }
    return {};
  }

  // Runtimes of the time before named ones; nobody should need them any more.
  Result<> check_old_tables() const {
    for (const auto& file : config_.files) {
      for (const char* name : {"default_runtime", "untrusted_workload_runtime"}) {
        const auto* leaf = file.view.leaf({"plugins", cri(), "containerd", name, "runtime_type"});
        if (leaf != nullptr && leaf->text && !leaf->text->empty()) {
          return fail(at(file, leaf->line) + std::string(name) +
                      " was replaced by containerd.runtimes: move it there by hand");
        }
      }
    }
    return {};
  }

  const char* cri() const { return config_.version >= 3 ? kCri3 : kCri2; }

  // The files whose keys below the plugin count, in their order.
  std::vector<std::size_t> owners(const KeyPath& plugin) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < config_.files.size(); ++i) {
      if (config_.files[i].view.tables.contains(plugin)) {
        if (!config_.generation.merges()) {
          out.clear();
        }
        out.push_back(i);
      }
    }
    return out;
  }

  void read_runtimes() {
    const KeyPath table = {"plugins", cri(), "containerd", "runtimes"};
    std::map<std::string, Runtime> found;
    const auto files = owners({"plugins", cri()});
    const std::size_t last = files.empty() ? 0 : files.back();
    for (const auto index : files) {
      for (const auto& [path, ignored] : config_.files[index].view.tables) {
        if (path.size() == table.size() + 1 &&
            std::equal(table.begin(), table.end(), path.begin())) {
          Runtime& runtime = found[path.back()];
          runtime.name = path.back();
          read_runtime(path, index, runtime);
        }
      }
    }
    // The built-in one, which containerd 1 forgets where others are configured.
    if (found.empty() || (config_.generation.merges() && !found.contains("runc"))) {
      found["runc"] = {"runc", "", "", false, config_.generation.merges() ? 0 : last};
    }
    for (auto& [name, runtime] : found) {
      if (runtime.type.empty() && name == "runc" && config_.generation.merges()) {
        runtime.type = "io.containerd.runc.v2";
      }
      runtime.kata = is_kata(runtime.name, runtime.type);
      config_.runtimes.push_back(std::move(runtime));
    }
  }

  void read_runtime(const KeyPath& table, std::size_t index, Runtime& runtime) const {
    const auto leaf = [&](const char* key) {
      KeyPath path = table;
      path.emplace_back(key);
      const auto* found = config_.files[index].view.leaf(path);
      return found != nullptr && found->text ? found : nullptr;
    };
    if (const auto* type = leaf("runtime_type")) {
      runtime.type = *type->text;
    }
    if (const auto* spec = leaf("base_runtime_spec")) {
      runtime.base_spec = *spec->text;
      has_spec_.insert(runtime.name);
      runtime.file = index;
    } else if (!has_spec_.contains(runtime.name)) {
      runtime.file = index;
    }
  }

  void read_nri() {
    Nri& nri = config_.nri;
    const auto files = owners(kNriTable);
    for (const auto index : files) {
      const auto* leaf =
          config_.files[index].view.leaf({kNriTable[0], kNriTable[1], "socket_path"});
      if (leaf != nullptr && leaf->text) {
        nri.socket = *leaf->text;
      }
    }
    if (!config_.generation.has_nri()) {
      return;
    }
    for (const char* key : {"disable", "disable_connections"}) {
      bool off = key == std::string("disable") && !config_.generation.nri_on_by_default();
      std::size_t where = files.empty() ? 0 : files.back();
      for (const auto index : files) {
        const auto* leaf = config_.files[index].view.leaf({kNriTable[0], kNriTable[1], key});
        if (leaf != nullptr && leaf->flag) {
          off = *leaf->flag;
          where = index;
        }
      }
      if (off) {
        nri.off.emplace_back(where, key);
      }
    }
  }

  const install::Node& node_;
  Ours ours_;
  Config config_;
  mutable std::set<std::string> has_spec_;
};

}  // namespace

KeyPath Config::runtime_table(const std::string& runtime) const {
  return {"plugins", version >= 3 ? kCri3 : kCri2, "containerd", "runtimes", runtime};
}

Result<Config> read_config(const install::Node& node, const std::string& path,
                           const Generation& generation, Ours ours) {
  return Reader(node, generation, ours).read(path);
}

}  // namespace usher::containerd
