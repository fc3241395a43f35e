/* Its runtime is not on this node. */
#include "common.h"

static const usher_string runtimes[] = {{USHER_LITERAL("refusing")}};

static int32_t probe_absent(const usher_settings* settings, usher_error* error) {
  (void)settings;
  set_error(error, "no such runtime here");
  return USHER_ABSENT;
}

ADAPTER("refusing", runtimes, probe_absent, create_instance, start_nothing, stop_at_once,
        destroy_instance, NULL)
