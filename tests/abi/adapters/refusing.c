/* Its runtime is not on this node. */
#include "common.h"

static int32_t probe_absent(const usher_settings* settings, usher_error* error) {
  (void)settings;
  set_error(error, "no such runtime here");
  return USHER_ABSENT;
}

const usher_plugin usher_plugin_v1 = {sizeof(usher_plugin),
                                      0,
                                      {USHER_LITERAL("refusing")},
                                      {USHER_LITERAL("1.0")},
                                      probe_absent,
                                      create_instance,
                                      start_nothing,
                                      stop_at_once,
                                      destroy_instance,
                                      NULL};
