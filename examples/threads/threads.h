#ifndef THREADS_H
#define THREADS_H

#include "encl.h"

uint64_t count_locked(const char *who, uint64_t times);
uint64_t count_atomic(uint64_t times);
uint64_t counted(void);
int meet(int parties, uint64_t patience);
uint64_t count_own(uint64_t times);
int leave_and_return(uint64_t ticket);

enum sgx_status ocall_pause(uint64_t ticket);

#endif
