/* Includes the ABI's header alone, and twice. */
#include "usher/plugin.h"

static const usher_string name = {USHER_LITERAL("x")};
int header_is_usable(void);
int header_is_usable(void) {
  return name.size == 1 ? USHER_OK : USHER_FAILED;
}
