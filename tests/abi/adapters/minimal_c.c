/* A good adapter in C: answers through the agent's loop, with a timer. */
#include "common.h"

typedef struct question {
  usher_identified answer;
  struct question* next;
  char id[128];
} question;

typedef struct minimal {
  const usher_host* host;
  const usher_loop* loop;
  question* open;
  uint64_t timer;
} minimal;

static void answer_one(question* asked) {
  usher_pair label;
  usher_identity who;
  label.key = text("app");
  label.value = text("web");
  memset(&who, 0, sizeof who);
  who.size = sizeof who;
  who.flags = USHER_IDENTITY_LABELS_KNOWN;
  who.pod_namespace = text("ns1");
  who.pod_name = text("web-0");
  who.container_id = text(asked->id);
  who.pod_labels = &label;
  who.pod_label_count = 1;
  who.identity_source = text("test");
  asked->answer.call(asked->answer.context, asked->answer.ticket, &who, NULL);
  free(asked);
}

static void answer_all(void* context, uint32_t events) {
  minimal* self = context;
  (void)events;
  while (self->open != NULL) {
    question* asked = self->open;
    self->open = asked->next;
    answer_one(asked);
  }
}

static int32_t create(const usher_host* host, const usher_settings* settings, void** out,
                      usher_error* error) {
  void* made = NULL;
  minimal* self;
  if (create_instance(host, settings, &made, error) != USHER_OK) {
    return USHER_INVALID;
  }
  free(made);
  self = calloc(1, sizeof *self);
  self->host = host;
  *out = self;
  return USHER_OK;
}

static int32_t start(void* context, usher_error* error) {
  minimal* self = context;
  self->loop = self->host->extension(self->host->context, text(USHER_EXT_LOOP));
  if (self->loop == NULL) {
    set_error(error, "this agent has no " USHER_EXT_LOOP);
    return USHER_FAILED;
  }
  return USHER_OK;
}

static void stop(void* context, usher_done stopped) {
  minimal* self = context;
  self->loop->cancel(self->host->context, self->timer);
  answer_all(self, 0);
  stopped.call(stopped.context, stopped.ticket, USHER_OK, NULL);
}

static void identify(void* context, const usher_oci_state* state, usher_identified answer) {
  minimal* self = context;
  question* asked = calloc(1, sizeof *asked);
  usher_callback callback;
  asked->answer = answer;
  asked->next = self->open;
  self->open = asked;
  if (state->id.size != 0) {
    memcpy(asked->id, state->id.data, state->id.size < 127 ? state->id.size : 127);
  }
  callback.call = answer_all;
  callback.context = self;
  self->loop->timer(self->host->context, 1000000, callback, &self->timer, NULL);
}

static const usher_string runtimes[] = {{USHER_LITERAL("minimal")}};
static const usher_oci oci = {sizeof(usher_oci), 0, identify};

static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_OCI) && memcmp(id.data, USHER_EXT_OCI, id.size) == 0 ? &oci
                                                                                          : NULL;
}

ADAPTER("minimal-c", runtimes, probe_here, create, start, stop, destroy_instance, extension)
