/* Lacks `stop`. */
#include "common.h"

const usher_plugin usher_plugin_v1 = {sizeof(usher_plugin),
                                      0,
                                      {USHER_LITERAL("broken")},
                                      {USHER_LITERAL("1.0")},
                                      probe_here,
                                      create_instance,
                                      start_nothing,
                                      NULL,
                                      destroy_instance,
                                      NULL};
