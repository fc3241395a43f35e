/* What the C adapters of the tests share: an instance that does nothing. */
#ifndef USHER_TEST_COMMON_H
#define USHER_TEST_COMMON_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "usher/plugin.h"

typedef struct instance {
  const usher_host* host;
} instance;

static inline usher_string text(const char* s) {
  usher_string out;
  out.data = s;
  out.size = strlen(s);
  return out;
}

static inline void set_error(usher_error* error, const char* message) {
  if (error != NULL) {
    uint64_t size = strlen(message);
    error->length = size < error->capacity ? size : error->capacity;
    memcpy(error->message, message, error->length);
  }
}

static inline int32_t probe_here(const usher_settings* settings, usher_error* error) {
  (void)settings, (void)error;
  return USHER_OK;
}

static inline int32_t create_instance(const usher_host* host, const usher_settings* settings,
                                      void** out, usher_error* error) {
  instance* self;
  if (settings->count != 0) {
    char why[128] = "it takes no setting ";
    const usher_string key = settings->items[0]->key;
    strncat(why, key.data, key.size < 100 ? key.size : 100);
    set_error(error, why);
    return USHER_INVALID;
  }
  self = calloc(1, sizeof *self);
  self->host = host;
  *out = self;
  return USHER_OK;
}

static inline int32_t start_nothing(void* self, usher_error* error) {
  (void)self, (void)error;
  return USHER_OK;
}

static inline void stop_at_once(void* self, usher_done stopped) {
  (void)self;
  stopped.call(stopped.context, stopped.ticket, USHER_OK, NULL);
}

static inline void destroy_instance(void* self) {
  free(self);
}

/* The descriptor; all runtimes of the array. */
#define ADAPTER(text_of_name, names, probe, create, start, stop, destroy, extension) \
  const usher_plugin usher_plugin_v1 = {sizeof(usher_plugin),                        \
                                        USHER_MINOR,                                 \
                                        {USHER_LITERAL(text_of_name)},               \
                                        {USHER_LITERAL("1.0")},                      \
                                        names,                                       \
                                        sizeof names / sizeof *names,                \
                                        probe,                                       \
                                        create,                                      \
                                        start,                                       \
                                        stop,                                        \
                                        destroy,                                     \
                                        extension};

#endif
