/* What the attempts of hostile share. Each do_NAME is the attempt NAME and returns the exit status.
 */
#ifndef USHER_TESTS_HOSTILE_H
#define USHER_TESTS_HOSTILE_H

/* Prints what became of it: 0 it was let through, 1 it was refused, 2 another failure. */
int verdict(const char* what, long result);
int broken(const char* what); /* 2, with errno's text */
int run(char** argv);         /* executes it */
int attempt(int n, char** a); /* the attempt a[0] with n-1 arguments */

int do_userns(int n, char** argv);
int do_bind(char** argv);
int do_tmpfs(char** argv);
int do_peer(char** argv);
int do_overlay(char** argv);
int do_copy_up(char** argv);
int do_tree(const char* dir, const char* name);
int do_tree_move(char** argv);
int do_detach(const char* dir, const char* name);
int do_reopen(const char* path);
int do_deleted(const char* path);
int do_link(const char* path, const char* to, int proc);
int do_tmpfile(const char* dir, const char* to);
int do_swap(const char* link, const char* a, const char* b);
int do_xattr(const char* path);
int do_acl(const char* path);
int do_chattr(const char* path);
int do_long(const char* dir, int levels, const char* file);
int do_fexec(char** argv);
int do_vm_exec(char** argv);
int do_thread_exec(char** argv);
int do_uring(const char* what, char** argv);
int do_net(const char* what, char** argv);
int do_bpf(const char* name);
int do_catch(const char* ready);

#endif
