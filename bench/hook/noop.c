/* The floor that usher-hook is measured against: a static process that drains its input. */
#include <unistd.h>

int main(void) {
  char buffer[16384];
  while (read(0, buffer, sizeof(buffer)) > 0) {
  }
  return 0;
}
