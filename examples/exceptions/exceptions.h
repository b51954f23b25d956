#ifndef EXCEPTIONS_H
#define EXCEPTIONS_H

#include "encl.h"

int handle(int on);
int divide(int a, int b);
int peek(uint64_t address);
int poke(uint64_t address, int value);
int fail(int which);
int fail_twice(void);
int report_from_handler(void);
int exhaust_stack(int depth);
void last(uint32_t *vector, uint32_t *error_code, uint64_t *address);

enum sgx_status ocall_print_string(const char *text);

#endif
