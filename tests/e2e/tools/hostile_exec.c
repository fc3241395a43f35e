/* Other ways into an exec. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

static int status_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == 9 ? 1 : 2;
  return WEXITSTATUS(status) == 126 ? 1 : WEXITSTATUS(status) == 0 ? 0 : 2;
}

/* fexec PROGRAM ARG…: by a descriptor and no name. */
int do_fexec(char** argv) {
  char* none[] = {NULL};
  const int fd = open(argv[0], O_PATH | O_CLOEXEC);
  if (fd < 0) return broken(argv[0]);
  syscall(SYS_execveat, fd, "", argv, none, AT_EMPTY_PATH);
  return verdict("fexec", -1);
}

static int exec_child(void* arg) {
  char** argv = arg;
  execv(argv[0], argv);
  _exit(errno == EPERM || errno == EACCES ? 126 : 127);
}

/* vm-exec PROGRAM ARG…: from a child that shares all memory. */
int do_vm_exec(char** argv) {
  static char stack[65536] __attribute__((aligned(16)));
  const pid_t child = clone(exec_child, stack + sizeof stack,
                            CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS | SIGCHLD, argv);
  return child < 0 ? broken("clone") : status_of(child);
}

/* thread-exec PROGRAM ARG…: from a thread that is not the first. */
static void* exec_thread(void* arg) {
  exec_child(arg);
  return NULL;
}
int do_thread_exec(char** argv) {
  const pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, exec_thread, argv);
    for (;;) pause();
  }
  return status_of(child);
}
