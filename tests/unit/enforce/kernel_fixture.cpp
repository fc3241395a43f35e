#include "kernel_fixture.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "enforce/cgroup_root.hpp"
#include "enforce/kernel_facts.hpp"

namespace usher::enforce::testing {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// A mount namespace of our own, once: no mount of the tests is seen outside.
bool own_mounts() {
  static const bool done = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return done;
}

fs::path scratch_directory() {
  std::string name = (fs::temp_directory_path() / "usher-enforce-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw_errno("mkdtemp");
  }
  return name;
}

pid_t spawn(const ScratchCgroup& cgroup, const fs::path& root,
            const std::vector<std::string>& arguments, int in_and_out, int mounts = -1,
            Lacks lacks = Lacks::nothing) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const std::string procs = cgroup.path() / "cgroup.procs";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int fd = ::open(procs.c_str(), O_WRONLY | O_CLOEXEC);
    const bool inside =
        fd >= 0 && ::write(fd, "0", 1) == 1 && (mounts < 0 || ::setns(mounts, CLONE_NEWNS) == 0) &&
        ::chroot(root.c_str()) == 0 && ::chdir("/") == 0 &&
        (in_and_out < 0 || (::dup2(in_and_out, 0) == 0 && ::dup2(in_and_out, 1) == 1)) &&
        take_away(lacks);
    if (inside) {
      ::execv(arguments[0].c_str(), argv.data() + 1);
    }
    ::_exit(inside && errno == EPERM ? 126 : 127);
  }
  if (pid < 0) {
    throw_errno("fork");
  }
  return pid;
}

}  // namespace

boost::test_tools::assertion_result kernel_takes_bpf(boost::unit_test::test_unit_id /*id*/) {
  boost::test_tools::assertion_result result(true);
  const auto skip = [&](const std::string& reason) {
    result = boost::test_tools::assertion_result(false);
    result.message() << "SKIPPED: " << reason;
  };
  if (::geteuid() != 0 || !own_mounts()) {
    skip("root is needed, to load BPF programs and to mount");
  } else if (const auto usable = tracing_usable(); !usable) {
    skip(usable.error().message);
  } else if (const auto root = cgroup_root_or_found({}); !root) {
    skip(root.error().message);
  } else if (::access("/bin/busybox", X_OK) != 0) {
    skip("a static /bin/busybox is needed as the containers' program");
  }
  return result;
}

ScratchCgroup::ScratchCgroup(const fs::path& cgroup_root) {
  std::string name = (cgroup_root / "usher-enforce-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw_errno("mkdtemp in " + cgroup_root.string());
  }
  path_ = name;
}

ScratchCgroup::~ScratchCgroup() {
  if (!path_.empty()) {
    ::rmdir(path_.c_str());
  }
}

void ScratchCgroup::remove() {
  if (::rmdir(path_.c_str()) != 0) {
    throw_errno("rmdir " + path_.string());
  }
}

identity::Placement ScratchCgroup::placement() const {
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0) {
    throw_errno("stat " + path_.string());
  }
  identity::Placement placement;
  placement.cgroup_path = "/" + path_.filename().string();
  placement.cgroup_id = info.st_ino;
  return placement;
}

MountNamespace::MountNamespace() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw_errno("pipe2");
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool done = ::unshare(CLONE_NEWNS) == 0;
    (void)!::write(ends[1], done ? "1" : "0", 1);
    for (;;) {
      ::pause();
    }
  }
  char done = 0;
  const bool told = pid > 0 && ::read(ends[0], &done, 1) == 1 && done == '1';
  ::close(ends[0]);
  ::close(ends[1]);
  if (told) {
    fd_ = ::open(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
  }
  if (pid > 0) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  if (fd_ < 0) {
    throw std::runtime_error("cannot make a mount namespace");
  }
}

MountNamespace::~MountNamespace() {
  ::close(fd_);
}

std::uint32_t MountNamespace::number() const {
  struct stat info{};
  if (::fstat(fd_, &info) != 0) {
    throw_errno("fstat of a mount namespace");
  }
  return static_cast<std::uint32_t>(info.st_ino);
}

KernelFixture::KernelFixture() : scratch_(scratch_directory()) {
  const fs::path bpffs = scratch_ / "bpf";
  const fs::path bin = scratch_ / "root" / "bin";
  fs::create_directories(bpffs);
  fs::create_directories(bin);
  if (::mount("bpf", bpffs.c_str(), "bpf", 0, nullptr) != 0) {
    throw_errno("mount a BPF file system");
  }
  pins_ = bpffs / "usher";
  for (const char* name : {"denied", "allowed"}) {
    fs::copy_file("/bin/busybox", bin / name);
  }
}

KernelFixture::~KernelFixture() {
  close();
  (void)Enforcer::teardown(pins_);
  ::umount2((scratch_ / "bpf").c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove_all(scratch_, ignored);
}

Options KernelFixture::options() const {
  Options options;
  options.pins = pins_;
  return options;
}

Enforcer& KernelFixture::open() {
  auto opened = Enforcer::open(options());
  if (!opened) {
    throw std::runtime_error(opened.error().message);
  }
  enforcer_ = std::move(*opened);
  return *enforcer_;
}

policy::ProfileImage KernelFixture::denial_of(const std::vector<std::string>& paths) {
  auto policy = std::make_shared<policy::Policy>();
  policy->name = "test";
  policy::Rule rule;
  rule.name = "denied";
  for (const std::string& path : paths) {
    rule.paths.push_back({policy::PathPattern::Form::exact, path});
  }
  policy->rules.push_back(rule);
  const policy::CompileInput input{
      .key = enforcer_->key(), .merged = 0, .capabilities = enforcer_->capabilities()};
  auto image = policy::compile(
      {{policy}}, input, [](const policy::RuleName&) { return std::uint32_t{USHER_RULE_FIRST}; });
  if (!image) {
    throw std::runtime_error(image.error().message);
  }
  return *image;
}

Outcome KernelFixture::run(const ScratchCgroup& cgroup, const std::vector<std::string>& arguments,
                           const MountNamespace* mounts, Lacks lacks) const {
  return wait_for(
      spawn(cgroup, scratch_ / "root", arguments, -1, mounts ? mounts->fd() : -1, lacks));
}

pid_t KernelFixture::start_cat(const ScratchCgroup& cgroup, const char* program,
                               int& write_end) const {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw_errno("socketpair");
  }
  const pid_t pid = spawn(cgroup, scratch_ / "root", {program, "cat"}, ends[1]);
  ::close(ends[1]);
  write_end = ends[0];
  // /proc/PID/exe tells of the program before the kernel programs have seen the exec: only what
  // the program itself does shows that they have.
  char echo = 0;
  if (::write(write_end, "?", 1) != 1 || ::read(write_end, &echo, 1) != 1 || echo != '?') {
    throw std::runtime_error(std::string(program) + " did not run");
  }
  return pid;
}

Outcome wait_for(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) {
    throw_errno("waitpid");
  }
  Outcome outcome;
  outcome.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.refused = outcome.exit_code == 126;
  return outcome;
}

}  // namespace usher::enforce::testing
