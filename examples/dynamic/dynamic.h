#ifndef DYNAMIC_H
#define DYNAMIC_H

#include "encl.h"

int can(void);
int64_t grow(uint64_t pages);
int64_t commit(uint64_t pages);
int64_t sum(void);
int64_t trim(uint64_t pages);
int64_t protect(uint64_t page);
int meet(int parties, uint64_t patience);

#endif
