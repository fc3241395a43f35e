/* Answers each question twice, the second time with another identity; refuses with control bytes
 * where the container is called "refuse", names a label twice where it is called "labels". */
#include "common.h"

static void identify(void* self, const usher_oci_state* state, usher_identified answer) {
  usher_identity who;
  usher_pair labels[2];
  (void)self;
  memset(&who, 0, sizeof who);
  who.size = sizeof who;
  who.pod_namespace = text("first");
  if (state->id.size == 6 && memcmp(state->id.data, "refuse", 6) == 0) {
    char why[] = "no\033[31m\nway";
    usher_error error = {sizeof error, 5, why, sizeof why - 1, sizeof why - 1};
    answer.call(answer.context, answer.ticket, NULL, &error);
    return;
  }
  if (state->id.size == 6 && memcmp(state->id.data, "labels", 6) == 0) {
    labels[0].key = labels[1].key = text("app");
    labels[0].value = text("a");
    labels[1].value = text("b");
    who.pod_labels = labels;
    who.pod_label_count = 2;
  }
  answer.call(answer.context, answer.ticket, &who, NULL);
  who.pod_namespace = text("second");
  answer.call(answer.context, answer.ticket, &who, NULL);
}

static const usher_string runtimes[] = {{USHER_LITERAL("twice")}};
static const usher_oci oci = {sizeof(usher_oci), 0, identify};
static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_OCI) && memcmp(id.data, USHER_EXT_OCI, id.size) == 0 ? &oci
                                                                                          : NULL;
}

ADAPTER("twice", runtimes, probe_here, create_instance, start_nothing, stop_at_once,
        destroy_instance, extension)
