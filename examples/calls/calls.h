#ifndef CALLS_H
#define CALLS_H

#include "encl.h"

struct point {
  int x, y;
};

struct blob {
  size_t length;
  uint8_t *bytes;
};

enum shape { CIRCLE, SQUARE = 5, TRIANGLE };

union word {
  uint32_t whole;
  uint8_t part[4];
};

void nothing(void);
int add(int a, int b);
double scale(double value, float factor);
int corners(enum shape shape);
uint32_t reversed_word(union word w);
int dot(struct point a, struct point b);
int64_t sum(const int32_t *values, size_t n);
void fill(uint8_t *buffer, size_t n, uint8_t value);
void reverse(uint8_t *buffer, size_t n);
void squares(uint8_t *buffer, size_t width, size_t n);
void upper(char *text);
void rotate(int values[4]);
void transpose(int matrix[2][3], int result[3][2]);
uint64_t look(uint64_t *anywhere);
void mirror(struct point *p);
void box(const struct point *points, size_t n, struct point *low, struct point *high);
uint64_t blob_sum(const struct blob *b);
int nest(int depth);
int nest_forbidden(int depth);
int inner(int depth);
int all_ocalls(void);
uint64_t repeat_ocall(uint64_t n);

enum sgx_status ocall_nothing(void);
enum sgx_status ocall_add(int *result, int a, int b);
enum sgx_status ocall_nested(int *result, int depth);
enum sgx_status ocall_not_nested(int *result, int depth);
enum sgx_status ocall_buffers(const uint8_t *in, uint8_t *out, uint8_t *both, size_t n);
enum sgx_status ocall_upper(char *text);
enum sgx_status ocall_point(struct point *p);
enum sgx_status ocall_look(uint64_t *result, void *anywhere);
enum sgx_status ocall_fails(int *result, int *error_number);

#endif
