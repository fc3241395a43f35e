/* Built against a later minor, whose structs have members behind those of today: a host of today
 * takes what it knows and leaves the rest. */
#include "common.h"

typedef struct later_plugin {
  usher_plugin known;
  uint64_t more[8];
} later_plugin;
typedef struct later_event {
  usher_event known;
  uint64_t more[8];
} later_event;
typedef struct later_identity {
  usher_identity known;
  uint64_t more[8];
} later_identity;

static int32_t start(void* context, usher_error* error) {
  const usher_host* host = ((instance*)context)->host;
  const usher_done none = {NULL, NULL, 0};
  later_identity who;
  later_event event;
  memset(&who, 0xff, sizeof who);
  memset(&event, 0xff, sizeof event);
  memset(&who.known, 0, sizeof who.known);
  memset(&event.known, 0, sizeof event.known);
  who.known.size = sizeof who;
  who.known.container_id = text("c1");
  event.known.size = sizeof event;
  event.known.kind = USHER_EVENT_CONTAINER_RUNNING;
  event.known.runtime = text("newer");
  event.known.identity = &who.known;
  event.known.pid = 7;
  if (host->publish(host->context, &event.known, none, error) != USHER_OK) {
    return USHER_FAILED;
  }
  event.known.kind = USHER_EVENT_SYNCED;
  event.known.identity = NULL;
  return host->publish(host->context, &event.known, none, error);
}

static const usher_string runtimes[] = {{USHER_LITERAL("newer")}};

/* The loader asks for usher_plugin_v1 and reads its size first. */
extern USHER_EXPORT const later_plugin usher_plugin_v1_later __asm__("usher_plugin_v1");
const later_plugin usher_plugin_v1_later = {{sizeof(later_plugin),
                                             USHER_MINOR + 1,
                                             {USHER_LITERAL("newer")},
                                             {USHER_LITERAL("2.0")},
                                             runtimes,
                                             1,
                                             probe_here,
                                             create_instance,
                                             start,
                                             stop_at_once,
                                             destroy_instance,
                                             NULL},
                                            {1, 2, 3, 4, 5, 6, 7, 8}};
