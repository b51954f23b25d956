#include "chatty.h"

static uint64_t ticks;

/* Takes a few nanoseconds a round, and cannot be shortened. */
static uint64_t work(uint64_t seed, uint64_t rounds) {
  for (uint64_t i = 0; i < rounds; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    __asm__ volatile("" : "+r"(seed));
  }
  return seed;
}

uint64_t tick(void) { return __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED); }

uint64_t copy(uint64_t n) {
  uint64_t done = 0;
  for (uint64_t i = 0; i < n; i++) {
    done += ocall_put(i * i) == SGX_SUCCESS;
  }
  return done;
}

uint64_t stamp(uint64_t rounds) {
  uint64_t now = 0;
  if (ocall_now(&now) != SGX_SUCCESS) {
    return 0;
  }
  return work(now, rounds) | 1;
}

uint64_t convert(uint64_t items) {
  enum { SCALE = 7, ROUNDS = 500 };
  uint64_t done = 0;
  for (uint64_t i = 0; i < items; i++) {
    uint64_t scale = 0;
    if (ocall_setting(&scale, SCALE) != SGX_SUCCESS) {
      return done;
    }
    done += work(i * scale, ROUNDS) != 1;
  }
  return done;
}

uint64_t copy_all(uint64_t n) {
  enum { MOST = 4096 };
  if (n > MOST) {
    return 0;
  }
  uint64_t *values = malloc(n * sizeof *values);
  if (!values) {
    return 0;
  }
  for (uint64_t i = 0; i < n; i++) {
    values[i] = i * i;
  }
  enum sgx_status status = ocall_put_all(values, n);
  free(values);
  return status == SGX_SUCCESS ? n : 0;
}
