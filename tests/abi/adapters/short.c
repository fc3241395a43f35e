/* Claims a descriptor shorter than version 1.0's: what lies behind is not to be read. */
#include "common.h"

static const usher_string runtimes[] = {{USHER_LITERAL("short")}};

const usher_plugin usher_plugin_v1 = {(uint32_t)offsetof(usher_plugin, extension),
                                      0,
                                      {USHER_LITERAL("short")},
                                      {USHER_LITERAL("0.9")},
                                      runtimes,
                                      1,
                                      probe_here,
                                      create_instance,
                                      start_nothing,
                                      stop_at_once,
                                      destroy_instance,
                                      NULL};
