#include "threads.h"

static struct encl_lock lock;
static uint64_t locked_count; /* guarded by lock, and on purpose not atomic */
static uint64_t atomic_count;
static _Thread_local uint64_t own_count = 1000;

uint64_t count_locked(const char *who, uint64_t times) {
  uint64_t after = 0;
  for (uint64_t i = 0; i < times; i++) {
    encl_lock(&lock);
    after = locked_count;
    __asm__ volatile("" : "+r"(after)); /* a real load and a real store, with room between them */
    locked_count = ++after;
    encl_unlock(&lock);
  }
  encl_printf("%s added %lu under the lock\n", who ? who : "somebody", times);
  return after;
}

uint64_t count_atomic(uint64_t times) {
  uint64_t after = 0;
  for (uint64_t i = 0; i < times; i++) {
    after = __atomic_add_fetch(&atomic_count, 1, __ATOMIC_RELAXED);
  }
  return after;
}

uint64_t counted(void) {
  encl_lock(&lock);
  uint64_t total = locked_count + __atomic_load_n(&atomic_count, __ATOMIC_RELAXED);
  encl_unlock(&lock);
  return total;
}

int meet(int parties, uint64_t patience) {
  static int here, rounds;
  int round = __atomic_load_n(&rounds, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&here, 1, __ATOMIC_ACQ_REL) == parties) {
    __atomic_store_n(&here, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&rounds, 1, __ATOMIC_RELEASE);
    return 1;
  }
  for (uint64_t i = 0; i < patience; i++) {
    if (__atomic_load_n(&rounds, __ATOMIC_ACQUIRE) != round) {
      return 1;
    }
    __asm__ volatile("pause");
  }
  __atomic_sub_fetch(&here, 1, __ATOMIC_ACQ_REL);
  return 0;
}

uint64_t count_own(uint64_t times) {
  for (uint64_t i = 0; i < times; i++) {
    own_count++;
    __asm__ volatile("" ::: "memory");
  }
  return own_count - 1000;
}

int leave_and_return(uint64_t ticket) {
  volatile uint64_t kept[32];
  for (unsigned i = 0; i < 32; i++) {
    kept[i] = ticket * 1000 + i;
  }
  own_count = ticket;
  if (ocall_pause(ticket) != SGX_SUCCESS) {
    return 0;
  }
  for (unsigned i = 0; i < 32; i++) {
    if (kept[i] != ticket * 1000 + i) {
      return 0;
    }
  }
  return own_count == ticket;
}
