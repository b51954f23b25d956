/*
 * The heap beyond its minimum, page by page. A page that is touched for the first time faults: the host adds it (EAUG),
 * the fault reaches the handler here, which accepts it, and the instruction is done again.
 */
#include "dynamic.h"

#include "pages.h"

enum { PAGE = 4096, READ_WRITE = PAGE_READ | PAGE_WRITE };

static char *region;
static size_t limit; /* pages */
static size_t there;
static volatile int64_t faults;
static volatile int64_t refused;

static enum encl_decision handler(struct encl_exception *exception) {
  uint64_t offset = exception->address - (uint64_t)region;
  if (exception->vector != ENCL_PAGE_FAULT || offset >= limit * PAGE) {
    return ENCL_CONTINUE_SEARCH;
  }
  char *page = region + (offset & -(uint64_t)PAGE);
  if (offset / PAGE < there) { /* it is ours, and lacks the right to be written */
    refused = exception->error_code;
    encl_extend(page, PAGE_REG | READ_WRITE);
    return ENCL_RESUME;
  }
  faults++;
  return encl_accept(page, PAGE_REG | READ_WRITE | PAGE_PENDING) == 0 ? ENCL_RESUME : ENCL_CONTINUE_SEARCH;
}

static bool ready(void) {
  if (!region && encl_dynamic()) {
    size_t size;
    region = encl_later(&size);
    limit = size / PAGE;
    encl_add_exception_handler(handler);
  }
  return region;
}

int can(void) { return encl_dynamic(); }

int64_t grow(uint64_t pages) {
  if (!ready() || pages > limit - there || !encl_map(region + there * PAGE, pages * PAGE)) {
    return -1;
  }
  int64_t before = faults;
  for (uint64_t i = 0; i < pages; i++) {
    *(volatile uint64_t *)(region + there * PAGE) = there + 1;
    there++;
  }
  return faults - before;
}

int64_t commit(uint64_t pages) {
  if (!ready() || pages > limit - there || !encl_commit(region + there * PAGE, pages * PAGE)) {
    return -1;
  }
  for (uint64_t i = 0; i < pages; i++) {
    *(volatile uint64_t *)(region + there * PAGE) = there + 1;
    there++;
  }
  return (int64_t)there;
}

int64_t sum(void) {
  int64_t total = 0;
  for (size_t i = 0; i < there; i++) {
    total += *(volatile int64_t *)(region + i * PAGE);
  }
  return total;
}

int64_t trim(uint64_t pages) {
  if (!ready() || pages > there || !encl_trim(region + (there - pages) * PAGE, pages * PAGE, READ_WRITE)) {
    return -1;
  }
  there -= pages;
  return (int64_t)there;
}

int64_t protect(uint64_t page) {
  if (!ready() || page >= there) {
    return -1;
  }
  char *address = region + page * PAGE;
  if (!encl_restrict(address, PAGE, READ_WRITE, PAGE_READ)) {
    return -2;
  }
  refused = 0;
  /* The host maps what it is asked for; that the processor says no is what counts, so the mapping has to allow it. */
  if (!encl_map(address, PAGE)) {
    return -3;
  }
  *(volatile uint64_t *)address = page + 1;
  return refused;
}

int meet(int parties, uint64_t patience) {
  static int inside;
  static int met;
  __atomic_add_fetch(&inside, 1, __ATOMIC_ACQ_REL);
  while (patience-- && !__atomic_load_n(&met, __ATOMIC_ACQUIRE)) {
    if (__atomic_load_n(&inside, __ATOMIC_ACQUIRE) >= parties) {
      __atomic_store_n(&met, 1, __ATOMIC_RELEASE);
    }
    __asm__ volatile("pause");
  }
  int result = __atomic_load_n(&met, __ATOMIC_ACQUIRE);
  if (__atomic_sub_fetch(&inside, 1, __ATOMIC_ACQ_REL) == 0) {
    __atomic_store_n(&met, 0, __ATOMIC_RELEASE);
  }
  return result;
}
