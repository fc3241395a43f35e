#include "process.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace usher::kata {
namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "container: %s: %s\n", what, std::strerror(errno));
  ::_exit(70);
}

void change_root(const char* root) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    die("make mounts private");
  }
  if (::mount(root, root, nullptr, MS_BIND | MS_REC, nullptr) != 0 || ::chdir(root) != 0) {
    die("bind the root");
  }
  if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 ||
      ::chdir("/") != 0) {
    die("pivot_root");
  }
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0 ||
      ::mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k") != 0 ||
      ::mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) != 0) {
    die("mount /proc and /dev");
  }
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (const auto& string : strings) {
    all.push_back(const_cast<char*>(string.c_str()));
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

void execute(const Program& program) {
  const auto arguments = pointers(program.arguments);
  const auto environment = pointers(program.environment);
  if (::chdir(program.directory.c_str()) != 0) {
    die("change the directory");
  }
  ::execve(arguments[0], arguments.data(), environment.data());
  std::fprintf(stderr, "container: execve %s: %s\n", arguments[0], std::strerror(errno));
  ::_exit(errno == EACCES || errno == EPERM ? 126 : 127);
}

void become_container(const std::filesystem::path& rootfs, const Program& program, int release,
                      int ready, int fifo, int output) {
  ::setsid();
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  char byte = 0;
  if (::read(release, &byte, 1) != 1) {
    die("the agent is gone");
  }
  change_root(rootfs.c_str());
  if (::write(ready, "r", 1) != 1) {
    die("tell the agent");
  }
  ::close(ready);
  const std::string path = "/proc/self/fd/" + std::to_string(fifo);
  const int opened = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);  // waits for StartContainer
  if (opened < 0 || ::write(opened, "0", 1) != 1) {
    die("exec.fifo");
  }
  execute(program);
}

}  // namespace usher::kata
