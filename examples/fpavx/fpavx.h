#ifndef FPAVX_H
#define FPAVX_H

#include "encl.h"

double leibniz(uint64_t terms);
int control_words(void);
int hold(uint64_t seed, uint64_t rounds);
int hold_through_exception(uint64_t seed);
int x87_through_exception(void);

enum sgx_status ocall_report(double *result, double value);

#endif
