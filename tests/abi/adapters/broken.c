/* Lacks `stop`. */
#include "common.h"

static const usher_string runtimes[] = {{USHER_LITERAL("broken")}};

ADAPTER("broken", runtimes, probe_here, create_instance, start_nothing, NULL, destroy_instance,
        NULL)
