#include "container.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>

#include "base/file.hpp"
#include "process.hpp"

namespace usher::kata {
namespace {

constexpr const char* kFifo = "exec.fifo";

// Of a fork that also unshares.
pid_t fork_into(unsigned long namespaces) {
  return static_cast<pid_t>(::syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0));
}

Program program_of(const nlohmann::ordered_json& spec) {
  Program program;
  const auto& process = spec.at("process");
  program.arguments = process.at("args").get<std::vector<std::string>>();
  program.environment = process.value("env", std::vector<std::string>());
  program.directory = process.value("cwd", "/");
  return program;
}

Result<std::pair<Fd, Fd>> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_system("cannot make a pipe");
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<> write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file ? Result<>() : fail_system("cannot write " + path.string());
}

std::string ended_how(int status) {
  return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                             : "exit " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<> Container::make(const nlohmann::ordered_json& spec) {
  std::error_code failed;
  std::filesystem::create_directories(bundle_ / "rootfs", failed);
  if (failed) {
    return fail("cannot make " + bundle_.string() + ": " + failed.message());
  }
  if (auto done = write_text(bundle_ / "config.json", spec.dump()); !done) {
    return done;
  }
  if (::mount(places_.rootfs.c_str(), (bundle_ / "rootfs").c_str(), nullptr, MS_BIND | MS_REC,
              nullptr) != 0) {
    return fail_system("cannot bind the root file system");
  }
  // As the agent does where it is process 1.
  std::string path = spec.at("linux").at("cgroupsPath");
  std::ranges::replace(path, ':', '/');
  cgroup_ = places_.cgroups / std::filesystem::path(path).relative_path();
  std::filesystem::create_directories(cgroup_, failed);
  if (failed) {
    return fail("cannot make " + cgroup_.string() + ": " + failed.message());
  }
  if (::mkfifo((bundle_ / kFifo).c_str(), 0622) != 0) {
    return fail_system("cannot make exec.fifo");
  }
  return {};
}

// The pipe on which the process says that it has come to exec.fifo.
Result<Fd> Container::fork_process(Fd& release) {
  auto go = make_pipe();
  auto ready = make_pipe();
  const Fd fifo(::open((bundle_ / kFifo).c_str(), O_PATH | O_CLOEXEC));
  const Fd output(::open((places_.run / (id_ + ".log")).c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!go || !ready || !fifo || !output) {
    return fail_system("cannot prepare the container's process");
  }
  const Program program = program_of(spec_);
  pid_ = fork_into(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS);
  if (pid_ < 0) {
    return fail_system("cannot fork the container's process");
  }
  if (pid_ == 0) {
    go->second.reset();
    become_container(bundle_ / "rootfs", program, go->first.get(), ready->second.get(), fifo.get(),
                     output.get());
  }
  release = std::move(go->second);
  return std::move(ready->first);
}

Result<Container> Container::create(const Places& places, const std::string& id,
                                    const nlohmann::ordered_json& spec, const GuestHooks& hooks) {
  Container made;
  made.id_ = id;
  made.places_ = places;
  made.spec_ = spec;
  made.bundle_ = places.run / id;
  // Hooks that came with the specification, even none of them, are taken in place of the guest's.
  if (!spec.contains("hooks") || spec["hooks"].is_null()) {
    made.hooks_ = hooks;
  }
  if (auto done = made.make(spec); !done) {
    made.take_back();
    return std::unexpected(std::move(done).error());
  }
  Fd release;
  auto ready = made.fork_process(release);
  if (!ready) {
    made.take_back();
    return std::unexpected(std::move(ready).error());
  }
  if (auto placed = write_text(made.cgroup_ / "cgroup.procs", std::to_string(made.pid_)); !placed) {
    made.remove();
    return std::unexpected(std::move(placed).error());
  }
  made.run_hooks("prestart", "created");
  std::signal(SIGPIPE, SIG_IGN);
  char byte = 'g';
  if (::write(release.get(), &byte, 1) != 1 || ::read(ready->get(), &byte, 1) != 1) {
    const auto status = made.wait();
    made.remove();
    return fail("the container's process died before its start (" +
                (status ? ended_how(*status) : status.error().message) + ")");
  }
  return made;
}

Result<> Container::start() {
  const Fd fifo(::open((bundle_ / kFifo).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  pollfd waiting{fifo.get(), POLLIN, 0};
  char byte = 0;
  if (!fifo || ::poll(&waiting, 1, 10'000) != 1 || ::read(fifo.get(), &byte, 1) != 1) {
    return fail("nobody waits at exec.fifo");
  }
  status_ = "running";
  run_hooks("poststart", "running");
  return {};
}

Result<int> Container::wait() {
  if (!reaped_) {
    if (::waitpid(pid_, &wait_status_, 0) != pid_) {
      return fail_system("cannot wait for the container's process");
    }
    reaped_ = true;
  }
  return wait_status_;
}

Result<int> Container::exec(const std::vector<std::string>& arguments) const {
  const pid_t helper = ::fork();
  if (helper != 0) {
    int status = 0;
    return helper > 0 && ::waitpid(helper, &status, 0) == helper
               ? Result<int>(status)
               : fail_system("cannot fork a process for the container");
  }
  const Fd output(::open((places_.run / (id_ + ".log")).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  ::dup2(output.get(), STDOUT_FILENO);
  ::dup2(output.get(), STDERR_FILENO);
  Program program = program_of(spec_);
  program.arguments = arguments;
  std::vector<Fd> namespaces;
  for (const auto* name : {"ipc", "uts", "pid", "mnt"}) {
    namespaces.emplace_back(
        ::open(("/proc/" + std::to_string(pid_) + "/ns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!write_text(cgroup_ / "cgroup.procs", std::to_string(::getpid()))) {
    ::_exit(71);
  }
  for (const auto& space : namespaces) {
    if (::setns(space.get(), 0) != 0) {
      ::_exit(72);
    }
  }
  const pid_t inside = ::fork();  // only a child is in the process namespace
  if (inside == 0) {
    execute(program);
  }
  int status = 0;
  ::waitpid(inside, &status, 0);
  if (WIFSIGNALED(status)) {
    ::kill(::getpid(), WTERMSIG(status));
  }
  ::_exit(WEXITSTATUS(status));
}

void Container::remove() {
  write_text(cgroup_ / "cgroup.kill", "1");
  if (!reaped_) {
    ::kill(pid_, SIGKILL);
    std::ignore = wait();
  }
  run_hooks("poststop", status_);
  take_back();
}

void Container::run_hooks(std::string_view type, std::string_view status) const {
  nlohmann::ordered_json state;
  state["ociVersion"] = spec_.value("ociVersion", "1.2.1");
  state["id"] = id_;
  state["status"] = status;
  state["pid"] = pid_;
  state["bundle"] = bundle_.string();
  state["annotations"] = spec_.value("annotations", nlohmann::ordered_json::object());
  const auto before = std::filesystem::current_path();
  if (type == "prestart") {
    std::filesystem::current_path(bundle_);
  }
  hooks_.run(type, state.dump());
  std::filesystem::current_path(before);
}

void Container::take_back() {
  ::umount2((bundle_ / "rootfs").c_str(), MNT_DETACH);
  std::error_code ignored;
  std::filesystem::remove(bundle_ / "config.json", ignored);
  std::filesystem::remove(bundle_ / kFifo, ignored);
  std::filesystem::remove(bundle_ / "rootfs", ignored);  // a directory that is empty, or nothing
  std::filesystem::remove(bundle_, ignored);
  // What ended a moment ago may still be on its way out of the cgroup.
  for (int tries = 0; tries < 500 && ::rmdir(cgroup_.c_str()) != 0 && errno == EBUSY; ++tries) {
    ::poll(nullptr, 0, 10);
  }
}

}  // namespace usher::kata
