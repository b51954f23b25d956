/* The processor's services: random numbers, reports, and the spin lock. */
#include "layout.h"

bool encl_random(void *to, size_t size) {
  for (uint8_t *out = to; size;) {
    uint64_t word;
    bool given = false;
    for (int attempt = 0; attempt < 10 && !given; attempt++) {
      __asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(given));
    }
    if (!given) {
      return false;
    }
    size_t part = size < sizeof word ? size : sizeof word;
    memcpy(out, &word, part);
    out += part;
    size -= part;
  }
  return true;
}

void encl_report(const void *target_info, const void *report_data, void *report) {
  uint8_t target[512] __attribute__((aligned(512)));
  uint8_t data[64] __attribute__((aligned(128)));
  uint8_t result[432] __attribute__((aligned(512)));
  memcpy(target, target_info, sizeof target);
  memcpy(data, report_data, sizeof data);
  __asm__ volatile("enclu" ::"a"(ENCLU_EREPORT), "b"(target), "c"(data), "d"(result) : "memory");
  memcpy(report, result, sizeof result);
}

void encl_lock(struct encl_lock *lock) {
  while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE)) {
    while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED)) {
      __asm__ volatile("pause");
    }
  }
}

void encl_unlock(struct encl_lock *lock) { __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE); }
