/*
 * The runtime's face towards enclave code: plain C, no libc. Everything here may be called from any ECALL and any
 * thread, unless it says otherwise.
 */
#ifndef ENCL_H
#define ENCL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Status codes that cross the border; the numbers are the Intel SDK's (sgx_error.h), since hosts know those. */
enum sgx_status {
  SGX_SUCCESS = 0,
  SGX_ERROR_UNEXPECTED = 1,
  SGX_ERROR_INVALID_PARAMETER = 2,
  SGX_ERROR_OUT_OF_MEMORY = 3,
  SGX_ERROR_INVALID_FUNCTION = 0x1001,
  SGX_ERROR_ENCLAVE_CRASHED = 0x1006,
  SGX_ERROR_ECALL_NOT_ALLOWED = 0x1007,
  SGX_ERROR_OCALL_NOT_ALLOWED = 0x1008,
  SGX_ERROR_STACK_OVERRUN = 0x1009,
};

/* ---- Where memory lies ---- */

/* Whether all of [address, address + size) lies in the enclave's address range; false if it wraps round. */
bool sgx_is_within_enclave(const void *address, size_t size);
/* Whether all of it lies outside. Memory may be neither within nor outside. */
bool sgx_is_outside_enclave(const void *address, size_t size);
/* Nothing after this runs, not even speculatively, before what is ahead of it has been decided. */
static inline void encl_fence(void) { __asm__ volatile("lfence" ::: "memory"); }

/* ---- Memory ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *one, const char *other);

/* Heap: aligned to 16 bytes; malloc's content is unspecified; freeing a damaged or foreign block ends the enclave. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

/* ---- Text ---- */

/* %d %i %u %x %X %c %s %p %f %% with -, 0, width, .precision and h, l, ll, z. Returns the full length, like C's. */
int vsnprintf(char *to, size_t size, const char *format, va_list arguments);
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Formats at most 511 bytes and hands them to the OCALL `ocall_print_string([in, string] const char* text)`. */
int encl_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Threads ---- */

struct encl_lock { uint32_t taken; };
void encl_lock(struct encl_lock *lock); /* spins; not recursive */
void encl_unlock(struct encl_lock *lock);

/* ---- The processor's services ---- */

/* Fills with random bytes from RDRAND; false if the processor has none to give. */
bool encl_random(void *to, size_t size);
/* The extended state components (as in XCR0) that this enclave may use: SECS.ATTRIBUTES.XFRM, out of its own REPORT. */
uint64_t encl_xfrm(void);
/* EREPORT. Target 512, data 64, report 432 bytes of any alignment; an empty (zero) target makes a report for nobody. */
void encl_report(const void *target_info, const void *report_data, void *report);
/* Ends the enclave: this and every later call fail with SGX_ERROR_ENCLAVE_CRASHED. */
__attribute__((noreturn)) void abort(void);

/* ---- Exceptions ---- */

struct encl_registers { /* the order of GPRSGX, SDM volume 3D, "GPRSGX Region" */
  uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, rflags, rip;
};

enum encl_vector {
  ENCL_DIVIDE = 0, ENCL_DEBUG = 1, ENCL_BREAKPOINT = 3, ENCL_BOUND = 5, ENCL_UNDEFINED = 6, ENCL_PROTECTION = 13,
  ENCL_PAGE_FAULT = 14, ENCL_X87 = 16, ENCL_ALIGNMENT = 17, ENCL_SIMD = 19,
};

struct encl_exception {
  struct encl_registers registers; /* a handler may change them; they are loaded when it resumes */
  uint32_t vector;                 /* enum encl_vector */
  uint32_t type;                   /* 3 hardware, 6 software */
  uint64_t address;                /* of #PF and #GP, if the enclave was signed with MiscSelect 1; else 0 */
  uint32_t error_code;
  uint32_t xsave_size;
  uint64_t reserved[3];
  uint8_t xsave[] __attribute__((aligned(64))); /* the interrupted code's extended state */
};

enum encl_decision { ENCL_CONTINUE_SEARCH = 0, ENCL_RESUME = -1 };
typedef enum encl_decision encl_exception_handler(struct encl_exception *exception);

/*
 * Handlers are asked in the order of registration, on the stack of the code that failed, until one resumes. If none
 * does, the enclave ends. #PF and #GP reach them only if the enclave was signed with MiscSelect 1. At most 8.
 */
bool encl_add_exception_handler(encl_exception_handler *handler);
bool encl_remove_exception_handler(encl_exception_handler *handler);

#endif
