/* A good adapter in C: answers through the agent's loop, with a timer. */
#include "common.h"

typedef struct question {
  usher_identified answer;
  char id[128];
} question;

static void answer_later(void* context, uint32_t events) {
  question* asked = context;
  usher_pair label;
  usher_identity who;
  (void)events;
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

static void identify(void* self, const usher_oci_state* state, usher_identified answer) {
  const usher_host* host = ((instance*)self)->host;
  const usher_loop* loop = host->extension(host->context, text(USHER_EXT_LOOP));
  question* asked = calloc(1, sizeof *asked);
  usher_callback callback;
  uint64_t handle = 0;
  asked->answer = answer;
  memcpy(asked->id, state->id.data, state->id.size < 127 ? state->id.size : 127);
  callback.call = answer_later;
  callback.context = asked;
  loop->timer(host->context, 1000000, callback, &handle, NULL);
}

static const usher_string runtimes[] = {{USHER_LITERAL("minimal")}};
static const usher_oci oci = {sizeof(usher_oci), 0, identify};

static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_OCI) && memcmp(id.data, USHER_EXT_OCI, id.size) == 0 ? &oci
                                                                                          : NULL;
}

ADAPTER("minimal-c", runtimes, probe_here, create_instance, start_nothing, stop_at_once,
        destroy_instance, extension)
