/* Never answers anything, neither identify nor stop. */
#include "common.h"

static void* kept; /* what it never gives back */

static void identify(void* self, const usher_oci_state* state, usher_identified answer) {
  (void)state, (void)answer;
  kept = self;
}
static void never_stop(void* self, usher_done stopped) {
  (void)stopped;
  kept = self;
}

static const usher_string runtimes[] = {{USHER_LITERAL("mute")}};
static const usher_oci oci = {sizeof(usher_oci), 0, runtimes, 1, identify};
static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_OCI) && memcmp(id.data, USHER_EXT_OCI, id.size) == 0 ? &oci
                                                                                          : NULL;
}

const usher_plugin usher_plugin_v1 = {sizeof(usher_plugin),
                                      0,
                                      {USHER_LITERAL("mute")},
                                      {USHER_LITERAL("1.0")},
                                      probe_here,
                                      create_instance,
                                      start_nothing,
                                      never_stop,
                                      destroy_instance,
                                      extension};
