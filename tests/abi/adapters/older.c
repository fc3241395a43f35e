/* Built against a header whose descriptor ended before `extension`: what lies behind its size is
 * not read, though it is no null pointer. */
#include "common.h"

static const void* not_to_be_called(usher_string id) {
  (void)id;
  abort();
}

const usher_plugin usher_plugin_v1 = {(uint32_t)offsetof(usher_plugin, extension),
                                      0,
                                      {USHER_LITERAL("older")},
                                      {USHER_LITERAL("0.9")},
                                      probe_here,
                                      create_instance,
                                      start_nothing,
                                      stop_at_once,
                                      destroy_instance,
                                      not_to_be_called};
