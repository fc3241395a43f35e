/* Reports a step of its installer from another thread, one too short, and one too late. */
#include <pthread.h>

#include "common.h"

static const usher_install_sink* desk;
static pthread_t late;

static void say(uint32_t size) {
  usher_install_step step;
  memset(&step, 0, sizeof step);
  step.size = size;
  step.kind = USHER_STEP_CREATE;
  step.path = text("/x");
  desk->step(desk->context, &step);
}

static void* elsewhere(void* context) {
  (void)context;
  say(sizeof(usher_install_step));
  return NULL;
}

static int32_t plan(const usher_settings* settings, const usher_install_sink* sink,
                    usher_error* error) {
  (void)settings, (void)error;
  desk = sink;
  say(sizeof(usher_install_step));
  say(12);
  pthread_create(&late, NULL, elsewhere, NULL);
  pthread_join(late, NULL);
  return USHER_OK;
}

static const usher_string runtimes[] = {{USHER_LITERAL("installing")}};
static const usher_install install = {sizeof(usher_install), 0, plan, plan, plan, plan};
static const void* extension(usher_string id) {
  return id.size == strlen(USHER_EXT_INSTALL) && memcmp(id.data, USHER_EXT_INSTALL, id.size) == 0
             ? &install
             : NULL;
}

ADAPTER("installing", runtimes, probe_here, create_instance, start_nothing, stop_at_once,
        destroy_instance, extension)
