// with_empty COMMAND…: runs COMMAND while programs that do nothing sit on the hooks an open meets.
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <memory>

#include "empty.skel.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: with_empty COMMAND…\n", stderr);
    return 2;
  }
  const std::unique_ptr<empty_bpf, decltype(&empty_bpf__destroy)> empty(empty_bpf__open_and_load(),
                                                                        &empty_bpf__destroy);
  if (!empty || empty_bpf__attach(empty.get()) != 0) {
    std::perror("with_empty: this kernel takes no LSM programs");
    return 1;
  }
  pid_t pid = 0;
  if (::posix_spawnp(&pid, argv[1], nullptr, nullptr, argv + 1, environ) != 0) {
    std::perror(argv[1]);
    return 1;
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
