#include "container.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "enforce/kernel_facts.hpp"
#include "policy/load.hpp"

namespace usher::test {

namespace fs = std::filesystem;

namespace {

bool own_mounts() {
  static const bool done = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return done;
}

boost::test_tools::assertion_result usable(const Result<>& backend) {
  boost::test_tools::assertion_result result(true);
  std::string reason;
  if (::geteuid() != 0 || !own_mounts()) {
    reason = "root is needed, to load BPF programs and to mount";
  } else if (!backend) {
    reason = backend.error().message;
  } else if (::access("/bin/busybox", X_OK) != 0) {
    reason = "a static /bin/busybox is needed";
  }
  if (!reason.empty()) {
    result = boost::test_tools::assertion_result(false);
    result.message() << "SKIPPED: " << reason;
  }
  return result;
}

fs::path make_directory(const fs::path& pattern) {
  std::string name = pattern.string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  }
  return name;
}

// As runtimes do it: a mount namespace whose root is the directory. (A chroot would not do: from
// one no user namespace can be made.)
bool enter(const fs::path& root) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(root.c_str(), root.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
         ::chdir(root.c_str()) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 &&
         ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0;
}

// Loading the programs takes ten seconds in an emulated machine: a test program does it once, and
// takes them down at its end.
class Loaded {
 public:
  explicit Loaded(const std::string& backend) : scratch_(make_directory("/var/tmp/usher-XXXXXX")) {
    if (::mount("bpf", scratch_.c_str(), "bpf", 0, nullptr) != 0) {
      throw std::system_error(errno, std::generic_category(), "mount a BPF file system");
    }
    enforce::Options options;
    options.backend = backend;
    options.pins = scratch_ / "usher";
    auto opened = enforce::Enforcer::open(options);
    if (!opened) {
      throw std::runtime_error(opened.error().message);
    }
    enforcer_ = std::move(*opened);
  }
  ~Loaded() {
    enforcer_.reset();
    (void)enforce::Enforcer::teardown(scratch_ / "usher");
    ::umount2(scratch_.c_str(), MNT_DETACH);
    ::rmdir(scratch_.c_str());
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  enforce::Enforcer& enforcer() { return *enforcer_; }
  fs::path maps() const {
    return scratch_ / "usher" / ("v" + std::to_string(USHER_LAYOUT)) / "maps";
  }

 private:
  fs::path scratch_;
  std::unique_ptr<enforce::Enforcer> enforcer_;
};

Loaded& loaded(const std::string& backend) {
  static Loaded once(backend);  // a test program speaks of one backend
  return once;
}

fs::path probe_program() {
  return fs::read_symlink("/proc/self/exe").parent_path() / "container_probe";
}

}  // namespace

boost::test_tools::assertion_result takes_lsm(boost::unit_test::test_unit_id /*id*/) {
  return usable(enforce::lsm_usable());
}

boost::test_tools::assertion_result takes_tracepoint(boost::unit_test::test_unit_id /*id*/) {
  return usable(enforce::tracing_usable());
}

Container::Container(const std::string& backend)
    : scratch_(make_directory("/var/tmp/usher-XXXXXX")),
      enforcer_(loaded(backend).enforcer()),
      maps_(loaded(backend).maps()) {
  root_ = scratch_ / "root";
  for (const char* directory :
       {"bin", "etc/keys", "tmp", "data/a/b", "work/u", "work/w", "proc", "dev"}) {
    fs::create_directories(root_ / directory);
  }
  fs::copy_file("/bin/busybox", root_ / "bin/busybox");
  fs::copy_file(probe_program(), root_ / "bin/denied");
  fs::copy_file(probe_program(), root_ / "bin/probe");
  fs::create_symlink("busybox", root_ / "bin/sh");
  for (const char* file :
       {"dev/null", "etc/secret", "etc/plain", "etc/keys/one", "data/a/b/file"}) {
    std::ofstream(root_ / file) << "text\n";
  }
  if (::mount("proc", (root_ / "proc").c_str(), "proc", 0, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "mount");
  }
  cgroup_ = make_directory(enforcer_.cgroup_root() / "usher-XXXXXX");
}

Container::~Container() {
  (void)enforcer_.set_audit(false);
  (void)enforcer_.set_unenrolled({});
  (void)events();
  if (slot_ != 0) {
    (void)enforcer_.end(slot_);
    (void)enforcer_.forget(slot_);
  }
  ::umount2((root_ / "proc").c_str(), MNT_DETACH);
  ::rmdir(cgroup_.c_str());
  std::error_code ignored;
  fs::remove_all(scratch_, ignored);
}

std::uint32_t Container::publish(const std::string& rules) {
  const std::string text = "[policy]\nname = \"test\"\n[select]\nall = true\n" + rules;
  const auto loaded = policy::parse_policy(text, "test.toml");
  if (!loaded.errors.empty() || loaded.policies.empty()) {
    throw std::runtime_error(loaded.errors.empty() ? "no policy" : loaded.errors[0].text());
  }
  const policy::CompileInput input{
      .key = enforcer_.key(), .merged = 0, .capabilities = enforcer_.capabilities()};
  const auto ids = [this](const policy::RuleName& name) {
    names_.push_back(name);
    return USHER_RULE_FIRST + static_cast<std::uint32_t>(names_.size()) - 1;
  };
  const auto image = policy::compile({{loaded.policies[0]}}, input, ids);
  if (!image) {
    throw std::runtime_error(image.error().message);
  }
  const auto profile = enforcer_.publish(*image);
  if (!profile) {
    throw std::runtime_error(profile.error().message);
  }
  return *profile;
}

void Container::enforce(const std::string& rules) {
  const std::uint32_t profile = publish(rules);
  if (slot_ != 0) {
    (void)enforcer_.switch_to(slot_, profile);
    return;
  }
  struct stat info{};
  ::stat(cgroup_.c_str(), &info);
  identity::Placement placement;
  placement.cgroup_path = "/" + cgroup_.filename().string();
  placement.cgroup_id = info.st_ino;
  const auto slot = enforcer_.enrol(placement, profile, 0);
  if (!slot) {
    throw std::runtime_error(slot.error().message);
  }
  slot_ = *slot;
}

int Container::run(const std::vector<std::string>& arguments) const {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const std::string procs = cgroup_ / "cgroup.procs";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int fd = ::open(procs.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && ::write(fd, "0", 1) == 1 && enter(root_)) {
      ::execv(argv[0], argv.data());
    }
    ::_exit(errno == EPERM ? 126 : 127);
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid) {
    throw std::system_error(errno, std::generic_category(), "fork");
  }
  if (WIFSIGNALED(status)) {
    return WTERMSIG(status) == SIGKILL ? kKilled : -WTERMSIG(status);
  }
  return WEXITSTATUS(status);
}

int Container::probe(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "/bin/probe");
  return run(arguments);
}

std::vector<usher_kernel_event> Container::events() {
  std::vector<usher_kernel_event> events;
  (void)enforcer_.consume([&](const usher_kernel_event& e) {
    if (e.type == USHER_EVENT_VERDICT) {
      events.push_back(e);
    }
  });
  return events;
}

std::string Container::rule_of(const usher_kernel_event& event) const {
  const std::size_t index = event.rule - USHER_RULE_FIRST;
  return index < names_.size() ? names_[index].rule : "";
}

}  // namespace usher::test
