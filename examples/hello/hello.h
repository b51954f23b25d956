#ifndef HELLO_H
#define HELLO_H

#include "encl.h"

int hello(const char *name);
enum sgx_status ocall_print_string(const char *text);

#endif
