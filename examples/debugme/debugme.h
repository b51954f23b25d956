#ifndef DEBUGME_H
#define DEBUGME_H

#include "encl.h"

int harvest(int days);
int share(int apples, int people);
uint64_t wait_for_release(void);
void release(void);
enum sgx_status ocall_print_string(const char *text);

#endif
