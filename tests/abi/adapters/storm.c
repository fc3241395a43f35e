/* Calls the host from four threads at once: events, gates, lines, health, timers and posts that are
 * partly cancelled. When it is stopped it says what became of its gates. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common.h"

#define THREADS 4
#define ROUNDS 400

typedef struct storm {
  const usher_host* host;
  pthread_t threads[THREADS];
  atomic_int running, ended, taken, answered, refused, callbacks;
} storm;

static const usher_string runtimes[] = {{USHER_LITERAL("storm")}};

static void gate_done(void* context, uint64_t ticket, int32_t status, const usher_error* error) {
  storm* self = context;
  (void)ticket, (void)error;
  atomic_fetch_add(&self->answered, 1);
  if (status != USHER_OK) {
    atomic_fetch_add(&self->refused, 1);
  }
}

static void called(void* context, uint32_t events) {
  storm* self = context;
  (void)events;
  atomic_fetch_add(&self->callbacks, 1);
}

static int publish(storm* self, int round) {
  usher_identity who;
  usher_event event;
  const usher_done none = {NULL, NULL, 0};
  const usher_done done = {gate_done, self, (uint64_t)round};
  const int is_gate = round % 2 == 0;
  int32_t status;
  memset(&who, 0, sizeof who);
  memset(&event, 0, sizeof event);
  who.size = sizeof who;
  who.container_id = text("c1");
  event.size = sizeof event;
  event.kind = is_gate ? USHER_EVENT_CONTAINER_STARTING : USHER_EVENT_CONTAINER_RUNNING;
  event.runtime = runtimes[0];
  event.identity = &who;
  event.pid = 1;
  while ((status = self->host->publish(self->host->context, &event, is_gate ? done : none, NULL)) ==
         USHER_BUSY) {
    sched_yield();
  }
  if (status == USHER_OK && is_gate) {
    atomic_fetch_add(&self->taken, 1);
  }
  return status == USHER_OK;
}

static void* rage(void* context) {
  storm* self = context;
  const usher_host* host = self->host;
  const usher_loop* loop = host->extension(host->context, text(USHER_EXT_LOOP));
  const usher_callback callback = {called, self};
  uint64_t handle;
  int round;
  for (round = 0; round < ROUNDS && atomic_load(&self->running); ++round) {
    if (!publish(self, round)) {
      break;
    }
    host->log(host->context, USHER_LOG_DEBUG, text("raging"));
    host->set_health(host->context, USHER_HEALTHY, text("still raging"));
    loop->post(host->context, callback, NULL);
    if (loop->timer(host->context, 1000, callback, &handle, NULL) == USHER_OK && round % 2 == 0) {
      loop->cancel(host->context, handle);
    }
  }
  if (atomic_fetch_add(&self->ended, 1) == THREADS - 1) {
    host->log(host->context, USHER_LOG_INFO, text("the storm is over"));
  }
  return NULL;
}

static int32_t create(const usher_host* host, const usher_settings* settings, void** out,
                      usher_error* error) {
  storm* self = calloc(1, sizeof *self);
  (void)settings, (void)error;
  self->host = host;
  *out = self;
  return USHER_OK;
}

static int32_t start(void* context, usher_error* error) {
  storm* self = context;
  sigset_t all, before;
  int i;
  (void)error;
  atomic_store(&self->running, 1);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (i = 0; i < THREADS; ++i) {
    pthread_create(&self->threads[i], NULL, rage, self);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return USHER_OK;
}

static void stop(void* context, usher_done stopped) {
  storm* self = context;
  char line[128];
  int i;
  atomic_store(&self->running, 0);
  for (i = 0; i < THREADS; ++i) {
    pthread_join(self->threads[i], NULL);
  }
  snprintf(line, sizeof line, "%s gate was answered",
           atomic_load(&self->taken) == atomic_load(&self->answered) ? "every" : "not every");
  self->host->log(self->host->context, USHER_LOG_WARNING, text(line));
  stopped.call(stopped.context, stopped.ticket, USHER_OK, NULL);
}

ADAPTER("storm", runtimes, probe_here, create, start, stop, destroy_instance, NULL)
