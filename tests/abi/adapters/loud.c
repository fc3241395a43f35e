/* Keeps every rule but one: it exports a name of its own beside the descriptor. */
#include "common.h"

extern USHER_EXPORT int loud_counter;
int loud_counter = 0;

static const usher_string runtimes[] = {{USHER_LITERAL("loud")}};

ADAPTER("loud", runtimes, probe_here, create_instance, start_nothing, stop_at_once,
        destroy_instance, NULL)
