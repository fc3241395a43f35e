#include "containerd/install/draft.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/escape.hpp"
#include "containerd/install/base_spec.hpp"
#include "containerd/install/edit.hpp"
#include "containerd/install/files.hpp"
#include "containerd/install/kata.hpp"
#include "containerd/install/lines.hpp"
#include "install/or_throw.hpp"

namespace usher::containerd {
namespace {

using install::or_throw;
using plugin::Failure;

constexpr std::size_t kMaxSpec = 4U << 20;

class Drafter {
 public:
  Drafter(const InstallOptions& options, const install::Node& node, const Programs& programs,
          const std::string& program)
      : options_(options), node_(node), programs_(programs), program_(program) {}

  Draft make() {
    const ConfigFiles files(options_, node_);
    files.check_spec_dir();
    draft_.generation = or_throw(programs_.generation());
    draft_.config = or_throw(
        files.explained(read_config(node_, options_.config, draft_.generation, Ours::taken_back)));
    for (auto& runtime : draft_.config.runtimes) {
      runtime.kata = runtime.kata || is_among(options_.kata_handlers, runtime.name);
    }
    if (options_.mode == Mode::closed) {
      choose_runtimes();
      for (const auto& runtime : draft_.runtimes) {
        add_spec(runtime);
      }
    }
    turn_nri_on();
    edit_files();
    return std::move(draft_);
  }

 private:
  void choose_runtimes() {
    for (const auto& name : options_.runtimes) {
      const auto found = std::ranges::find(draft_.config.runtimes, name, &Runtime::name);
      if (found == draft_.config.runtimes.end()) {
        throw Failure("containerd's configuration has no runtime \"" + escape(name) +
                          "\"; it has: " + all_names() + "; mend the setting runtimes",
                      USHER_INVALID);
      }
      if (found->kata) {
        throw Failure("the runtime \"" + escape(name) +
                          "\" is Kata: its containers run in a virtual machine, where this node's "
                          "hook has no say; take it out of the setting runtimes",
                      USHER_INVALID);
      }
    }
    for (const auto& runtime : draft_.config.runtimes) {
      const bool named =
          options_.runtimes.empty() ||
          std::ranges::find(options_.runtimes, runtime.name) != options_.runtimes.end();
      if (runtime.kata) {
        draft_.skipped.push_back("the runtime " + escape(runtime.name) +
                                 " is Kata: it gets no hook");
      } else if (!named) {
        draft_.skipped.push_back("the runtime " + escape(runtime.name) +
                                 " is not among those that were named: its containers start "
                                 "without the gate");
      } else {
        draft_.runtimes.push_back(runtime);
      }
    }
    if (draft_.runtimes.empty()) {
      throw Failure("every runtime of containerd's configuration is Kata (" + all_names() +
                    "): there is nothing that the hook could gate");
    }
  }

  std::string all_names() const {
    std::string out;
    for (const auto& runtime : draft_.config.runtimes) {
      out += (out.empty() ? "" : ", ") + escape(runtime.name);
    }
    return out;
  }

  void add_spec(const Runtime& runtime) {
    const auto path = options_.spec_path(runtime.name);
    // Somebody may have written our own file's name: that is nothing to begin with.
    const bool configured = !runtime.base_spec.empty() && runtime.base_spec != path;
    std::string from;
    std::string whence = "ctr oci spec";
    if (configured) {
      whence = runtime.base_spec;
      auto there = or_throw(node_.read(runtime.base_spec, kMaxSpec));
      if (!there) {
        throw Failure("base_runtime_spec of the runtime " + escape(runtime.name) + " is " +
                      escape(whence) + ", which is not there: containerd would not start; mend it");
      }
      from = std::move(*there);
    } else {
      if (default_spec_.empty()) {
        default_spec_ = or_throw(programs_.default_spec());
      }
      from = default_spec_;
    }
    auto spec = base_spec(from, configured ? SpecOrigin::configured : SpecOrigin::containerd,
                          options_, program_);
    if (!spec) {
      throw Failure(escape(whence) + ": " + spec.error().message);
    }
    draft_.specs.push_back({path, or_throw(node_.read(path, kMaxSpec)), std::move(*spec)});
    wants_[runtime.file].push_back({draft_.config.runtime_table(runtime.name),
                                    {"base_runtime_spec", path},
                                    {{"runtime_type", type_of(runtime)}}});
  }

  static std::string type_of(const Runtime& runtime) {
    return runtime.type.empty() ? "io.containerd.runc.v2" : runtime.type;
  }

  void turn_nri_on() {
    const bool needed = options_.mode != Mode::closed;
    const Nri& nri = draft_.config.nri;
    if (!draft_.generation.has_nri()) {
      if (needed) {
        throw Failure("containerd " + std::to_string(draft_.generation.major) + "." +
                          std::to_string(draft_.generation.minor) + " has no NRI, which mode \"" +
                          name_of(options_.mode) + "\" needs; use mode \"closed\"",
                      USHER_INVALID);
      }
      draft_.skipped.emplace_back("this containerd has no NRI: labels come from CRI");
      return;
    }
    if (!nri.disabled.empty()) {
      const std::string what = nri.disabled + " holds \"" + kNriTable.back() + "\"";
      if (needed) {
        throw Failure(what + ", which mode \"" + name_of(options_.mode) +
                      "\" needs; take it out by hand");
      }
      draft_.skipped.push_back(what + ": NRI stays off, labels come from CRI");
      return;
    }
    draft_.nri = true;
    for (const auto& [file, key] : nri.off) {
      wants_[file].push_back({kNriTable, {key, false}, {}});
    }
  }

  void edit_files() {
    for (std::size_t i = 0; i < draft_.config.files.size(); ++i) {
      const auto& file = draft_.config.files[i];
      const bool is_new = i == 0 && draft_.config.missing;
      const auto wants = wants_.find(i);
      DraftFile out{file.path, is_new ? std::nullopt : std::optional(file.text), file.clean};
      if (wants != wants_.end() && i == 0 && draft_.config.blank) {
        out.after = file.clean + (file.clean.empty() || file.clean.ends_with('\n') ? "" : "\n") +
                    new_file(draft_.config.version, wants->second);
        if (!file.clean.empty() && !file.clean.ends_with('\n')) {
          out.after.pop_back();
        }
      } else if (wants != wants_.end()) {
        out.after = or_throw(set_keys(file.clean, file.path, wants->second));
      } else if (is_new) {
        continue;
      }
      draft_.files.push_back(std::move(out));
    }
  }

  const InstallOptions& options_;
  const install::Node& node_;
  const Programs& programs_;
  const std::string& program_;
  Draft draft_;
  std::string default_spec_;
  std::map<std::size_t, std::vector<Want>> wants_;  // by file
};

}  // namespace

Draft make_draft(const InstallOptions& options, const install::Node& node, const Programs& programs,
                 const std::string& program) {
  return Drafter(options, node, programs, program).make();
}

std::string missing_in(const TomlView& dump, const Draft& draft, const InstallOptions& options) {
  const auto* version = dump.leaf({"version"});
  Config shape;
  shape.version =
      version != nullptr ? static_cast<int>(version->integer.value_or(2)) : draft.config.version;
  for (const auto& runtime : draft.runtimes) {
    auto path = shape.runtime_table(runtime.name);
    path.emplace_back("base_runtime_spec");
    const auto* leaf = dump.leaf(path);
    if (leaf == nullptr || leaf->text != options.spec_path(runtime.name)) {
      return "base_runtime_spec of the runtime " + escape(runtime.name) + " is " +
             (leaf == nullptr ? "not set" : escape(leaf->value)) + ", not " +
             options.spec_path(runtime.name);
    }
  }
  if (draft.nri) {
    for (const char* key : {"disable", "disable_connections"}) {
      const auto* leaf = dump.leaf({kNriTable[0], kNriTable[1], key});
      if (leaf == nullptr || leaf->flag != false) {
        return "NRI is off (" + std::string(key) + ")";
      }
    }
  }
  return "";
}

}  // namespace usher::containerd
