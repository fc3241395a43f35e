/* Breaks one rule of plugin.h a time; the setting "rule" says which. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

typedef struct rude {
  const usher_host* host;
  char rule[32];
  usher_done stopped;
  pthread_t thread;
  int has_thread;
  int pipe[2];
  uint64_t watch;
  int asked;
  int answered;
} rude;

static const usher_string runtimes[] = {{USHER_LITERAL("rude")}};
static const usher_done nobody = {NULL, NULL, 0};

static int is(const rude* self, const char* rule) {
  return strcmp(self->rule, rule) == 0;
}

static void ignore(void* context, uint64_t ticket, int32_t status, const usher_error* error) {
  (void)context, (void)ticket, (void)status, (void)error;
}

static void dawdle(void) {
  const struct timespec slow = {0, 150000000};
  nanosleep(&slow, NULL);
}

static void dawdle_done(void* context, uint64_t ticket, int32_t status, const usher_error* error) {
  (void)context, (void)ticket, (void)status, (void)error;
  dawdle();
}

/* Cannot bear an answer: a refusal at all, or the one that the host gives at its deadline. */
static void lose_badly(void* context, uint64_t ticket, int32_t status, const usher_error* error) {
  rude* self = context;
  (void)ticket;
  self->answered = 1;
  if ((is(self, "bad-loser") && status != USHER_OK) ||
      (is(self, "lost-patience") && error != NULL && error->code == ETIMEDOUT)) {
    self->host->publish(self->host->context, NULL, nobody, NULL);
  }
}

/* Takes it for granted that an answer comes at once. */
static void expect_answer(void* context, uint32_t events) {
  const rude* self = context;
  (void)events;
  if (!self->answered) {
    self->host->publish(self->host->context, NULL, nobody, NULL);
  }
}

static void* wait_for_the_end(void* context) {
  const rude* self = context;
  char end;
  return read(self->pipe[0], &end, 1) == 0 ? NULL : context;
}

static void dawdle_once(void* context, uint32_t events) {
  const rude* self = context;
  const usher_loop* loop;
  (void)events;
  dawdle();
  if (self->watch != 0) {
    loop = self->host->extension(self->host->context, text(USHER_EXT_LOOP));
    loop->cancel(self->host->context, self->watch);
  }
}

static usher_identity somebody(void) {
  usher_identity who;
  memset(&who, 0, sizeof who);
  who.size = sizeof who;
  who.container_id = text("c1");
  return who;
}

static usher_event event_of(const usher_identity* who) {
  usher_event event;
  memset(&event, 0, sizeof event);
  event.size = sizeof event;
  event.kind = USHER_EVENT_CONTAINER_RUNNING;
  event.runtime = runtimes[0];
  event.identity = who;
  event.pid = 42;
  return event;
}

static int32_t publish(const rude* self, const usher_event* event, usher_done done) {
  char why[256];
  usher_error error = {sizeof error, 0, why, sizeof why, 0};
  const int32_t status = self->host->publish(self->host->context, event, done, &error);
  char line[400];
  snprintf(line, sizeof line, "publish %s: %d %.*s", self->rule, (int)status, (int)error.length,
           why);
  self->host->log(self->host->context, USHER_LOG_INFO, text(line));
  return status;
}

/* Values that cannot be, in an event that is well otherwise. */
static void publish_wrong(rude* self) {
  usher_identity who = somebody();
  usher_event event = event_of(&who);
  usher_done done = {ignore, NULL, 1};
  if (is(self, "slow-done")) done.call = dawdle_done;
  if (is(self, "hasty") || is(self, "bad-loser") || is(self, "lost-patience")) {
    event.kind = USHER_EVENT_CONTAINER_STARTING;
    done.call = lose_badly;
    done.context = self;
  }
  if (is(self, "null-event")) {
    publish(self, NULL, nobody);
    return;
  }
  if (is(self, "short-event")) event.size = 40;
  if (is(self, "zero-event")) event.size = 0;
  if (is(self, "short-identity")) who.size = 16;
  if (is(self, "null-identity")) event.identity = NULL;
  if (is(self, "null-string")) who.pod_name.size = 5;
  if (is(self, "wild-string")) {
    who.pod_name.data = "x";
    who.pod_name.size = UINT64_MAX;
  }
  if (is(self, "wild-labels")) who.pod_label_count = UINT64_MAX / 32;
  if (is(self, "null-labels")) who.pod_label_count = 3;
  if (is(self, "wild-kind")) event.kind = 4000;
  if (is(self, "wild-flags")) who.flags = 1U << 30;
  if (is(self, "wild-pid")) event.pid = INT64_MIN;
  if (is(self, "other-runtime")) event.runtime = text("cri-o");
  if (is(self, "no-id")) who.container_id = text("");
  if (is(self, "no-sandbox-id")) {
    event.kind = USHER_EVENT_SANDBOX_STARTING;
    who.container_id = text("");
  }
  if (is(self, "sandbox-by-container")) event.kind = USHER_EVENT_SANDBOX_STARTING;
  if (is(self, "sandbox-gone-by-container")) event.kind = USHER_EVENT_SANDBOX_GONE;
  if (is(self, "named-synced")) event.kind = USHER_EVENT_SYNCED;
  if (is(self, "synced-first") || is(self, "never-synced")) {
    event.kind = is(self, "never-synced") ? USHER_EVENT_LISTING : USHER_EVENT_SYNCED;
    event.identity = NULL;
    publish(self, &event, nobody);
    event = event_of(&who);
  }
  if (is(self, "gate-without-done")) {
    event.kind = USHER_EVENT_CONTAINER_STARTING;
    done = nobody;
  }
  publish(self, &event, done);
}

static void call_wrong(rude* self) {
  const usher_host* host = self->host;
  const usher_loop* loop = host->extension(host->context, text(USHER_EXT_LOOP));
  const usher_callback nothing = {NULL, NULL};
  const usher_callback slow = {dawdle_once, self};
  const usher_callback hasty = {expect_answer, self};
  uint64_t handle = 0;
  usher_string wild = text("x");
  wild.size = UINT64_MAX;
  if (is(self, "wild-log")) host->log(host->context, USHER_LOG_INFO, wild);
  if (is(self, "wild-level")) host->log(host->context, 77, text("x"));
  if (is(self, "wild-health")) host->set_health(host->context, 0, text("x"));
  if (is(self, "wild-extension")) host->extension(host->context, wild);
  if (is(self, "null-callback")) loop->timer(host->context, 1, nothing, &handle, NULL);
  if (is(self, "watch-nothing")) loop->watch(host->context, 0, 0, nothing, &handle, NULL);
  if (is(self, "hasty")) loop->timer(host->context, 20000000, hasty, &handle, NULL);
  if (is(self, "slow")) dawdle();
  if (is(self, "slow-timer")) loop->timer(host->context, 1, slow, &handle, NULL);
  if (is(self, "slow-post")) loop->post(host->context, slow, NULL);
  if (is(self, "slow-watch") && pipe(self->pipe) == 0 && write(self->pipe[1], "x", 1) == 1) {
    loop->watch(host->context, self->pipe[0], USHER_READABLE, slow, &self->watch, NULL);
  }
}

/* More than an agent takes, without waiting for an answer. */
static void flood(rude* self) {
  const usher_identity who = somebody();
  const usher_event event = event_of(&who);
  const usher_done done = {ignore, NULL, 1};
  char line[64];
  int taken = 0;
  while (taken < 100000 &&
         self->host->publish(self->host->context, &event, done, NULL) == USHER_OK) {
    ++taken;
  }
  publish(self, &event, done);
  snprintf(line, sizeof line, "flood: %d taken", taken);
  self->host->log(self->host->context, USHER_LOG_INFO, text(line));
}

static void read_rule(const usher_settings* settings, char* rule) {
  uint64_t i;
  for (i = 0; i < settings->count; ++i) {
    const usher_setting* item = settings->items[i];
    if (item->key.size == 4 && memcmp(item->key.data, "rule", 4) == 0) {
      memcpy(rule, item->string.data, item->string.size < 31 ? item->string.size : 31);
    }
  }
}

static int32_t probe(const usher_settings* settings, usher_error* error) {
  static int times;
  char rule[32] = "";
  (void)error;
  read_rule(settings, rule);
  if (strcmp(rule, "fickle") == 0) return times++ == 0 ? USHER_OK : USHER_FAILED;
  return strcmp(rule, "absent-without-leave") == 0 ? USHER_ABSENT : USHER_OK;
}

/* What it does to the process that it shares. */
static void take_liberties(rude* self) {
  static int lives;
  if (is(self, "one-life") && ++lives > 1) publish(self, NULL, nobody);
  if (is(self, "leaves-files") && pipe(self->pipe) != 0) abort();
  if (is(self, "moves") && chdir("/proc") != 0) abort();
  if (is(self, "deaf")) signal(SIGUSR2, SIG_IGN);
  if (is(self, "open-thread") && pipe(self->pipe) == 0) {
    self->has_thread = pthread_create(&self->thread, NULL, wait_for_the_end, self) == 0;
  }
}

static int32_t create(const usher_host* host, const usher_settings* settings, void** out,
                      usher_error* error) {
  rude* self = calloc(1, sizeof *self);
  self->host = host;
  read_rule(settings, self->rule);
  if (is(self, "null-error") && settings->count != 1) {
    error->length = 0; /* may be NULL */
    free(self);
    return USHER_INVALID;
  }
  if (is(self, "early")) {
    const usher_identity who = somebody();
    const usher_event event = event_of(&who);
    publish(self, &event, nobody);
  }
  if (is(self, "null-instance")) {
    free(self);
    self = NULL;
  }
  *out = self;
  return USHER_OK;
}

static int32_t start(void* context, usher_error* error) {
  rude* self = context;
  int i;
  (void)error;
  if (is(self, "flood")) {
    flood(self);
  } else if (is(self, "log-flood")) {
    for (i = 0; i < 10000; ++i) {
      self->host->log(self->host->context, USHER_LOG_INFO, text("again"));
    }
  } else if (is(self, "crash")) {
    abort();
  } else if (is(self, "hang")) {
    for (;;) pause();
  } else {
    take_liberties(self);
    publish_wrong(self);
    call_wrong(self);
  }
  return USHER_OK;
}

static void* call_late(void* context) {
  rude* self = context;
  const usher_identity who = somebody();
  const usher_event event = event_of(&who);
  self->stopped.call(self->stopped.context, self->stopped.ticket, USHER_OK, NULL);
  self->host->publish(self->host->context, &event, nobody, NULL);
  self->host->log(self->host->context, USHER_LOG_INFO, text("I am still here"));
  return NULL;
}

static void stop(void* context, usher_done stopped) {
  rude* self = context;
  self->stopped = stopped;
  if (is(self, "stop-error")) {
    usher_error error = {sizeof error, 0, NULL, 0, UINT64_MAX};
    stopped.call(stopped.context, stopped.ticket, USHER_FAILED, &error);
    return;
  }
  if (is(self, "late-calls")) {
    self->has_thread = pthread_create(&self->thread, NULL, call_late, self) == 0;
    return;
  }
  stopped.call(stopped.context, stopped.ticket, USHER_OK, NULL);
  if (is(self, "stop-twice")) {
    stopped.call(stopped.context, stopped.ticket, USHER_OK, NULL);
  }
}

static void destroy(void* context) {
  rude* self = context;
  if (is(self, "open-thread")) {
    close(self->pipe[1]);
  }
  if (self->has_thread) {
    pthread_join(self->thread, NULL);
  }
  if (self->watch != 0) {
    close(self->pipe[0]);
    close(self->pipe[1]);
  }
  free(self);
}

static void identify(void* context, const usher_oci_state* state, usher_identified answer) {
  rude* self = context;
  usher_identity who = somebody();
  usher_error error = {sizeof error, 0, NULL, 0, UINT64_MAX};
  (void)state;
  ++self->asked;
  if (is(self, "stop-unanswered")) {
    return;
  }
  if ((is(self, "again") && self->asked < 3) || is(self, "again-for-ever") || is(self, "refusal")) {
    char why[64];
    snprintf(why, sizeof why, "question %d has no answer", self->asked);
    error.code = is(self, "refusal") ? ENOENT : EAGAIN;
    error.message = why;
    error.capacity = error.length = strlen(why);
    answer.call(answer.context, answer.ticket, NULL, &error);
    return;
  }
  if (is(self, "short-answer")) who.size = 8;
  if (is(self, "wild-refusal")) {
    answer.call(answer.context, answer.ticket, NULL, &error);
    return;
  }
  answer.call(answer.context, answer.ticket, &who, NULL);
}

static const usher_oci oci = {sizeof(usher_oci), 0, identify};
static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_OCI) && memcmp(id.data, USHER_EXT_OCI, id.size) == 0 ? &oci
                                                                                          : NULL;
}

ADAPTER("rude", runtimes, probe, create, start, stop, destroy, extension)
