#include "hello.h"

static int greetings;

int hello(const char *name) {
  int number = __atomic_add_fetch(&greetings, 1, __ATOMIC_RELAXED);
  encl_printf("Hello, %s! This is greeting %d from inside the enclave.\n", name ? name : "nobody", number);
  return number;
}
