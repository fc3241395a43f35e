/* Publishes from a thread of its own: a running container, a gate, one event of a runtime that it
 * does not serve, synced; then logs what the gate was told. */
#include <pthread.h>
#include <stdio.h>

#include "common.h"

typedef struct talker {
  const usher_host* host;
  pthread_t thread;
} talker;

static void gate_done(void* context, uint64_t ticket, int32_t status, const usher_error* error) {
  const usher_host* host = context;
  char line[256];
  snprintf(line, sizeof line, "gate %d: %d %.*s", (int)ticket, (int)status,
           error == NULL ? 0 : (int)error->length, error == NULL ? "" : error->message);
  host->log(host->context, USHER_LOG_INFO, text(line));
}

static void* talk(void* context) {
  talker* self = context;
  const usher_host* host = self->host;
  usher_identity who;
  usher_event event;
  usher_done none;
  usher_done done;
  char why[256];
  usher_error error = {sizeof error, 0, why, sizeof why, 0};
  memset(&who, 0, sizeof who);
  memset(&event, 0, sizeof event);
  memset(&none, 0, sizeof none);
  done.call = gate_done;
  done.context = (void*)(size_t)host;
  done.ticket = 7;
  who.size = sizeof who;
  who.container_id = text("c1");
  event.size = sizeof event;
  event.runtime = text("talk");
  event.identity = &who;
  event.kind = USHER_EVENT_CONTAINER_RUNNING;
  event.cgroup_path = text("/talk/c1");
  event.pid = 42;
  host->publish(host->context, &event, none, &error);
  event.kind = USHER_EVENT_CONTAINER_STARTING;
  if (host->publish(host->context, &event, none, &error) != USHER_INVALID) {
    host->log(host->context, USHER_LOG_ERROR, text("a gate without done was taken"));
  }
  host->publish(host->context, &event, done, &error);
  event.kind = USHER_EVENT_CONTAINER_GONE;
  event.runtime = text("other");
  host->publish(host->context, &event, none, &error);
  event.runtime = text("talk");
  event.kind = 99;
  if (host->publish(host->context, &event, none, &error) != USHER_INVALID) {
    host->log(host->context, USHER_LOG_ERROR, text("an unknown event was taken"));
  }
  event.kind = USHER_EVENT_SYNCED;
  event.identity = NULL;
  host->publish(host->context, &event, none, &error);
  return NULL;
}

static int32_t create(const usher_host* host, const usher_settings* settings, void** out,
                      usher_error* error) {
  talker* self = calloc(1, sizeof *self);
  (void)settings, (void)error;
  self->host = host;
  *out = self;
  return USHER_OK;
}

static int32_t start(void* context, usher_error* error) {
  talker* self = context;
  (void)error;
  return pthread_create(&self->thread, NULL, talk, self) == 0 ? USHER_OK : USHER_FAILED;
}

static void stop(void* context, usher_done stopped) {
  talker* self = context;
  pthread_join(self->thread, NULL);
  stopped.call(stopped.context, stopped.ticket, USHER_OK, NULL);
}

static void identify(void* self, const usher_oci_state* state, usher_identified answer) {
  (void)self, (void)state;
  answer.call(answer.context, answer.ticket, NULL, NULL);
}

static const usher_string runtimes[] = {{USHER_LITERAL("talk")}};
static const usher_oci oci = {sizeof(usher_oci), 0, identify};
static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_OCI) && memcmp(id.data, USHER_EXT_OCI, id.size) == 0 ? &oci
                                                                                          : NULL;
}

ADAPTER("talkative", runtimes, probe_here, create, start, stop, destroy_instance, extension)
