/* Never answers anything, neither identify nor stop. */
#include "common.h"

/* What it never gives back, one for each host of the tests. */
static void* volatile kept[16];
static unsigned count;

static void identify(void* self, const usher_oci_state* state, usher_identified answer) {
  (void)self, (void)state, (void)answer;
}
static void never_stop(void* self, usher_done stopped) {
  (void)stopped;
  kept[count++ % 16] = self;
}

static const usher_string runtimes[] = {{USHER_LITERAL("mute")}};
static const usher_oci oci = {sizeof(usher_oci), 0, identify};
static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_OCI) && memcmp(id.data, USHER_EXT_OCI, id.size) == 0 ? &oci
                                                                                          : NULL;
}

ADAPTER("mute", runtimes, probe_here, create_instance, start_nothing, never_stop, destroy_instance,
        extension)
