/* A host as one of version 1.0 was: built against the frozen header alone, with tables of its
 * sizes. Loads today's adapters, takes each through its life, asks it one question, and checks that
 * what it hears is what version 1.0 promises. Exit code 0: all of them lived. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "usher/plugin.h"

typedef struct work {
  uint64_t handle;
  usher_callback callback;
  int fd; /* -1: due at once, once */
} work;

static work works[64];
static uint64_t next_handle = 1;
static int events, answers, stopped, failures;

static void broken(const char* what) {
  fprintf(stderr, "old host: %s\n", what);
  ++failures;
}

/* ---- the host table and usher.loop/1, single-threaded ---- */

static int32_t add(int fd, usher_callback callback, uint64_t* handle) {
  size_t i;
  for (i = 0; i < 64; ++i) {
    if (works[i].handle == 0) {
      works[i].handle = *handle = next_handle++;
      works[i].callback = callback;
      works[i].fd = fd;
      return USHER_OK;
    }
  }
  return USHER_BUSY;
}
static int32_t watch(void* host, int32_t fd, uint32_t interest, usher_callback callback,
                     uint64_t* handle, usher_error* error) {
  (void)host, (void)interest, (void)error;
  return add(fd, callback, handle);
}
static int32_t timer(void* host, uint64_t delay, usher_callback callback, uint64_t* handle,
                     usher_error* error) {
  (void)host, (void)delay, (void)error;
  return add(-1, callback, handle);
}
static int32_t post(void* host, usher_callback callback, usher_error* error) {
  uint64_t handle;
  (void)host, (void)error;
  return add(-1, callback, &handle);
}
static void cancel(void* host, uint64_t handle) {
  size_t i;
  (void)host;
  for (i = 0; i < 64; ++i) {
    if (works[i].handle == handle) {
      works[i].handle = 0;
    }
  }
}
static void turn(void) {
  size_t i;
  for (i = 0; i < 64; ++i) {
    work due = works[i];
    struct pollfd ready = {due.fd, POLLIN, 0};
    if (due.handle == 0 || (due.fd >= 0 && poll(&ready, 1, 0) <= 0)) {
      continue;
    }
    if (due.fd < 0) {
      works[i].handle = 0;
    }
    due.callback.call(due.callback.context, USHER_READABLE);
  }
}

static int32_t publish(void* context, const usher_event* event, usher_done done,
                       usher_error* error) {
  (void)context, (void)error;
  ++events;
  if (event->size < sizeof *event || event->runtime.size == 0) {
    broken("an event is shorter than version 1.0's");
  }
  if (done.call != NULL) {
    done.call(done.context, done.ticket, USHER_OK, NULL);
  }
  return USHER_OK;
}
static void say(void* context, uint32_t level, usher_string message) {
  (void)context, (void)level;
  fprintf(stderr, "adapter: %.*s\n", (int)message.size, message.data);
}
static const void* extension(void* context, usher_string id) {
  static const usher_loop loop = {sizeof loop, 0, watch, timer, post, cancel};
  (void)context;
  return id.size == strlen(USHER_EXT_LOOP) && memcmp(id.data, USHER_EXT_LOOP, id.size) == 0 ? &loop
                                                                                            : NULL;
}
static void identified(void* context, uint64_t ticket, const usher_identity* who,
                       const usher_error* error) {
  (void)context;
  ++answers;
  if (ticket != 77 || (who == NULL && error == NULL)) {
    broken("an answer has another ticket, or neither identity nor error");
  }
  if (who != NULL && who->size < sizeof *who) {
    broken("an identity is shorter than version 1.0's");
  }
}
static void has_stopped(void* context, uint64_t ticket, int32_t status, const usher_error* error) {
  (void)context, (void)status, (void)error;
  stopped += ticket == 78;
}

/* ---- one adapter's life ---- */

static void live(const char* path) {
  const usher_host host = {sizeof host, 0, NULL, publish, say, say, extension};
  const usher_settings settings = {sizeof settings, 0, NULL, 0};
  char why[512] = "";
  usher_error error = {sizeof error, 0, why, sizeof why - 1, 0};
  const usher_identified answer = {identified, NULL, 77};
  const usher_done end = {has_stopped, NULL, 78};
  usher_oci_state state;
  const usher_oci* oci;
  const usher_plugin* plugin;
  void* instance = NULL;
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  int i;
  plugin = library == NULL ? NULL : dlsym(library, "usher_plugin_v1");
  if (plugin == NULL || plugin->size < sizeof *plugin || plugin->runtime_count == 0) {
    broken(library == NULL ? dlerror() : "no descriptor of version 1");
    return;
  }
  printf("old host: %.*s %.*s\n", (int)plugin->name.size, plugin->name.data,
         (int)plugin->version.size, plugin->version.data);
  plugin->probe(&settings, &error);
  if (plugin->create(&host, &settings, &instance, &error) != USHER_OK || instance == NULL ||
      plugin->start(instance, &error) != USHER_OK) {
    broken(why);
    return;
  }
  oci = plugin->extension == NULL ? NULL
                                  : plugin->extension((usher_string){USHER_LITERAL(USHER_EXT_OCI)});
  answers = stopped = 0;
  if (oci != NULL) {
    memset(&state, 0, sizeof state);
    state.size = sizeof state;
    state.runtime = plugin->runtimes[0];
    state.raw = (usher_string){USHER_LITERAL("{}")};
    state.id = (usher_string){USHER_LITERAL("c1")};
    oci->identify(instance, &state, answer);
  }
  for (i = 0; i < 100 && answers == 0 && oci != NULL; ++i) {
    turn();
  }
  if (oci != NULL && answers != 1) {
    broken("a question was not answered once");
  }
  plugin->stop(instance, end);
  for (i = 0; i < 100 && stopped == 0; ++i) {
    turn();
  }
  if (stopped != 1) {
    broken("it did not say stopped once");
    return;
  }
  plugin->destroy(instance);
}

int main(int argc, char** argv) {
  int i;
  for (i = 1; i < argc; ++i) {
    live(argv[i]);
  }
  return argc < 2 || failures != 0;
}
