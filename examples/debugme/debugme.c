#include "debugme.h"

struct basket {
  int apples;
  double kilograms;
};

static struct basket store;
static volatile int released;

static int picked_on(int day) {
  int rain = day % 3 == 0;
  return rain ? 0 : 10 * day;
}

static void fill(struct basket *basket, int apples) {
  basket->apples += apples;
  basket->kilograms += 0.2 * apples;
}

int harvest(int days) {
  store = (struct basket){0, 0};
  for (int day = 1; day <= days; day++) {
    int apples = picked_on(day);
    fill(&store, apples);
    encl_printf("day %d: %d apples\n", day, apples);
  }
  return store.apples;
}

int share(int apples, int people) {
  int each = apples / people;
  return each;
}

uint64_t wait_for_release(void) {
  uint64_t counted = 0;
  while (!released) {
    counted++;
  }
  return counted;
}

void release(void) {
  released = 1;
}
