#ifndef CHATTY_H
#define CHATTY_H

#include "encl.h"

uint64_t tick(void);
uint64_t copy(uint64_t n);
uint64_t stamp(uint64_t rounds);
uint64_t convert(uint64_t items);
uint64_t copy_all(uint64_t n);

enum sgx_status ocall_put(uint64_t value);
enum sgx_status ocall_now(uint64_t *result);
enum sgx_status ocall_setting(uint64_t *result, int which);
enum sgx_status ocall_put_all(const uint64_t *values, size_t n);

#endif
