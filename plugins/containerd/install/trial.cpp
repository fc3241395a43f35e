#include "containerd/install/trial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "base/escape.hpp"
#include "containerd/install/in_force.hpp"
#include "containerd/install/trial_config.hpp"

namespace usher::containerd {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDumpDeadline{30};   // both: of a large program on a busy node
constexpr seconds kStartDeadline{60};  // an idle one needs less than one second
constexpr seconds kPatience{2};        // of somebody who sees nothing happen
constexpr milliseconds kPause{50};
constexpr std::size_t kMaxLog = 4U << 20;
constexpr const char* kName = ".usher-start";

// On the filesystem where containerd keeps its own: not every snapshotter works on each.
std::string parent_of(const InstallOptions& options, const install::Node& node,
                      const std::string& root) {
  return node.is_directory(root) ? root : options.spec_dir;
}

sigset_t endings() {
  sigset_t out;
  ::sigemptyset(&out);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    ::sigaddset(&out, signal);
  }
  return out;
}

std::string whole_text(const fs::path& file) {
  return install::Node("/").read_here(file, kMaxLog).value_or("");
}

}  // namespace

SignalsHeld::SignalsHeld() {
  const auto held = endings();
  ::sigprocmask(SIG_BLOCK, &held, &before_);
}

SignalsHeld::~SignalsHeld() {
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

bool SignalsHeld::one_waits() {
  const auto held = endings();
  sigset_t waiting;
  ::sigpending(&waiting);
  for (int signal = 1; signal < NSIG; ++signal) {
    if (::sigismember(&held, signal) == 1 && ::sigismember(&waiting, signal) == 1) {
      return true;
    }
  }
  return false;
}

// Its directory, with root's eyes only; goes with it.
class Trial::Place {
 public:
  Place(const Trial& trial)
      : parent_(parent_of(trial.options_, trial.node_, trial.draft_.config.root)),
        here_(trial.node_.follow(parent_) / kName),
        inside_(trial.programs_.seen_by_containerd(parent_) + "/" + kName) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    std::error_code none;
    fs::remove_all(here_, none);
  }

  Result<> make() {
    std::error_code none;
    fs::remove_all(here_, none);
    if (::mkdir(here_.c_str(), 0700) != 0) {
      return fail_system("cannot make " + here_.string());
    }
    return {};
  }
  const fs::path& here() const { return here_; }
  // As containerd sees it.
  const std::string& inside() const { return inside_; }

  Result<> write(const std::string& name, const std::string& text) const {
    const Fd file(::open((here_ / name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    for (std::size_t at = 0; file && at < text.size();) {
      const auto n = ::write(file.get(), text.data() + at, text.size() - at);
      if (n < 0) {
        return fail_system("cannot write " + (here_ / name).string());
      }
      at += static_cast<std::size_t>(n);
    }
    return file ? Result<>() : fail_system("cannot write " + (here_ / name).string());
  }
  Fd sink(const char* name) const {
    return Fd(::open((here_ / name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  }

 private:
  std::string parent_;
  fs::path here_;
  std::string inside_;
};

Result<> Trial::run(const std::vector<const DraftFile*>& files, bool as_meant) const {
  Place place(*this);
  if (auto made = place.make(); !made) {
    return made;
  }
  const auto text = dump(place, files);
  if (!text) {
    return std::unexpected(text.error());
  }
  const auto view = view_toml(*text, "containerd config dump");
  if (!view) {
    return std::unexpected(view.error());
  }
  if (const auto missing = as_meant ? missing_in(*view, draft_, options_) : ""; !missing.empty()) {
    return fail("containerd reads it in another way than it is meant: " + missing);
  }
  const auto told = start(place, *text);
  if (!told) {
    return std::unexpected(told.error());
  }
  if (SignalsHeld::one_waits()) {
    return fail("it was interrupted");
  }
  return as_meant ? compare(place, *told) : Result<>();
}

Result<> Trial::compare(const Place& place, const Handlers& told) const {
  for (const auto& runtime : draft_.runtimes) {
    const auto found = told.runtimes.find(runtime.name);
    if (found == told.runtimes.end() ||
        found->second.base_spec != options_.spec_path(runtime.name)) {
      return fail("it begins containers of the runtime " + escape(runtime.name) + " without " +
                  options_.spec_path(runtime.name));
    }
  }
  std::error_code none;
  if (draft_.nri && !fs::exists(place.here() / "nri.sock", none)) {
    return fail("NRI does not come up: " + reason_in(whole_text(place.here() / "log")));
  }
  return {};
}

Result<std::string> Trial::dump(const Place& place,
                                const std::vector<const DraftFile*>& files) const {
  std::string config = programs_.seen_by_containerd(options_.config);
  std::vector<install::Apart::View> views;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto name = "file." + std::to_string(i);
    if (auto written = place.write(name, files[i]->after); !written) {
      return std::unexpected(std::move(written.error()));
    }
    if (files[i]->before) {
      views.push_back({place.here() / name, node_.follow(files[i]->path)});
    } else {
      config = place.inside() + "/" + name;  // the root file: it imports nothing
    }
  }
  const auto command = programs_.containerd({"--config", config, "config", "dump"});
  if (!command) {
    return std::unexpected(command.error());
  }
  const Fd out = place.sink("dump"), err = place.sink("dump.err");
  auto asked =
      install::Apart::start(*command, Programs::environment(), out.get(), err.get(), views);
  if (!asked) {
    return fail_in(escape(command->front()), asked.error());
  }
  const auto until = Clock::now() + kDumpDeadline;
  std::optional<int> status;
  while (!(status = asked->ended(kPause)) && Clock::now() < until && !SignalsHeld::one_waits()) {
  }
  if (!status) {
    return fail(SignalsHeld::one_waits() ? "it was interrupted"
                                         : "containerd config dump does not end");
  }
  if (*status != 0) {
    return fail(reason_in(whole_text(place.here() / "dump.err")));
  }
  return whole_text(place.here() / "dump");
}

Result<Handlers> Trial::start(const Place& place, const std::string& dump) const {
  const auto is_there = [&](const std::string& path) { return node_.is_directory(path); };
  const auto config = trial_config(dump, place.inside(), is_there);
  if (!config) {
    return std::unexpected(config.error());
  }
  if (auto written = place.write("config.toml", *config); !written) {
    return std::unexpected(std::move(written.error()));
  }
  const auto command = programs_.containerd({"--config", place.inside() + "/config.toml"});
  if (!command) {
    return std::unexpected(command.error());
  }
  auto environment = Programs::environment();
  environment.push_back("TMPDIR=" + place.inside());
  const Fd log = place.sink("log");
  auto started = install::Apart::start(*command, environment, log.get(), log.get(), {});
  if (!started) {
    return fail_in(escape(command->front()), started.error());
  }
  return wait(place, *started);
}

Result<Handlers> Trial::wait(const Place& place, install::Apart& started) const {
  const auto begun = Clock::now();
  bool said = false;
  for (;;) {
    if (const auto status = started.ended(kPause)) {
      const auto why = reason_in(whole_text(place.here() / "log"));
      return fail("it ends with code " + std::to_string(*status) + (why.empty() ? "" : ": ") + why);
    }
    auto told = in_force(place.here() / "c.sock", kPatience);
    if (told) {
      return told;
    }
    if (told.error().code == ENOSYS) {
      return fail("CRI does not come up: " + reason_in(whole_text(place.here() / "log")));
    }
    if (SignalsHeld::one_waits()) {
      return fail("it was interrupted");
    }
    if (Clock::now() - begun > kStartDeadline) {
      return fail("CRI does not answer within " + std::to_string(kStartDeadline.count()) + " s (" +
                  told.error().message + "): " + reason_in(whole_text(place.here() / "log")));
    }
    if (!said && Clock::now() - begun > kPatience) {
      said = true;  // the report comes at the end
      ::dprintf(STDERR_FILENO,
                "containerd is being started on the new configuration, on trial; this takes at "
                "most %d s …\n",
                static_cast<int>(kStartDeadline.count()));
    }
  }
}

Result<> Trial::remove_leftovers(const InstallOptions& options, const install::Node& node,
                                 const std::string& root) {
  for (const auto& parent : {root, options.spec_dir}) {
    std::error_code why;
    fs::remove_all(node.follow(parent) / kName, why);
    if (why) {
      return fail_system("cannot remove what a trial start has left in " + escape(parent),
                         why.value());
    }
  }
  return {};
}

}  // namespace usher::containerd
