/*
 * Every attempt names, in R12, where to go on if it fails: the handler moves RIP there and puts the vector into R13.
 * Nothing else of the interrupted context changes, so the code after it sees all its registers.
 */
#include "exceptions.h"

enum { NO_EXCEPTION = -1 };

static int handling;
static struct {
  uint32_t vector, error_code;
  uint64_t address;
} seen;
static bool divide_in_handler, print_in_handler;
static int done_in_handler;

/* Opens an attempt: says where it ends, if it fails before. `vector` becomes what it failed with. */
#define OR_GO_ON_AT_1 "lea 1f(%%rip), %%r12\n\t"
#define VECTOR register int64_t vector __asm__("r13") = NO_EXCEPTION

static enum encl_decision handler(struct encl_exception *e) {
  seen.vector = e->vector;
  seen.error_code = e->error_code;
  seen.address = e->address;
  if (divide_in_handler) {
    divide_in_handler = false;
    done_in_handler = divide(1, 0) == -1;
  }
  if (print_in_handler) {
    print_in_handler = false;
    done_in_handler = encl_printf("exception %u, said from its handler\n", e->vector) > 0;
  }
  e->registers.rip = e->registers.r12;
  e->registers.r13 = e->vector;
  return ENCL_RESUME;
}

int handle(int on) {
  int before = handling;
  if (on && !before) {
    encl_add_exception_handler(handler);
  } else if (!on && before) {
    encl_remove_exception_handler(handler);
  }
  handling = on != 0;
  return before;
}

int divide(int a, int b) {
  VECTOR;
  int quotient = 1000 * a;
  int high = quotient < 0 ? -1 : 0;
  __asm__ volatile(OR_GO_ON_AT_1 "idivl %3\n1:" : "+r"(vector), "+a"(quotient), "+d"(high) : "r"(b) : "r12", "cc");
  return vector == NO_EXCEPTION ? quotient : -1;
}

int peek(uint64_t address) {
  VECTOR;
  uint32_t value = 0;
  __asm__ volatile(OR_GO_ON_AT_1 "movzbl (%2), %1\n1:" : "+r"(vector), "+r"(value) : "r"(address) : "r12", "memory");
  return vector == NO_EXCEPTION ? (int)value : -1;
}

int poke(uint64_t address, int value) {
  VECTOR;
  __asm__ volatile(OR_GO_ON_AT_1 "movb %b1, (%2)\n1:" : "+r"(vector) : "q"(value), "r"(address) : "r12", "memory");
  return vector == NO_EXCEPTION ? 1 : -1;
}

int fail(int which) {
  VECTOR;
  static uint8_t data[16];
  static const uint32_t mxcsr = 0x1f80, mxcsr_divide = 0x1f80 & ~(1 << 9);
  static const uint16_t x87_divide = 0x37f & ~(1 << 2);
  switch (which) {
    case 0:
      __asm__ volatile(OR_GO_ON_AT_1 "ud2\n1:" : "+r"(vector)::"r12", "memory");
      break;
    case 1:
      __asm__ volatile(OR_GO_ON_AT_1 "int3\n1:" : "+r"(vector)::"r12", "memory");
      break;
    case 2:
      __asm__ volatile(OR_GO_ON_AT_1 "testb %%al, (%1)\n1:" : "+r"(vector) : "r"(1ull << 63) : "r12", "cc");
      break;
    case 3:
      __asm__ volatile(OR_GO_ON_AT_1 "movb $0x90, (%1)\n1:" : "+r"(vector) : "r"(fail) : "r12", "memory");
      break;
    case 4:
      __asm__ volatile(OR_GO_ON_AT_1 "jmp *%1\n1:" : "+r"(vector) : "r"(data) : "r12");
      break;
    case 5:
      __asm__ volatile(OR_GO_ON_AT_1
                       "ldmxcsr %1\n\t pxor %%xmm0, %%xmm0\n\t pcmpeqd %%xmm1, %%xmm1\n\t cvtdq2pd %%xmm1, %%xmm1\n\t"
                       "divpd %%xmm0, %%xmm1\n1: ldmxcsr %2"
                       : "+r"(vector)
                       : "m"(mxcsr_divide), "m"(mxcsr)
                       : "r12", "xmm0", "xmm1");
      break;
    case 6:
      __asm__ volatile(OR_GO_ON_AT_1 "fldcw %1\n\t fld1\n\t fldz\n\t fdivrp\n\t fwait\n1: fninit"
                       : "+r"(vector)
                       : "m"(x87_divide)
                       : "r12", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
      break;
    default:
      break;
  }
  return (int)vector;
}

int fail_twice(void) {
  done_in_handler = 0;
  divide_in_handler = true;
  return fail(0) == ENCL_UNDEFINED && done_in_handler;
}

int report_from_handler(void) {
  done_in_handler = 0;
  print_in_handler = true;
  return fail(0) == ENCL_UNDEFINED && done_in_handler;
}

int exhaust_stack(int depth) {
  volatile char room[1024];
  if (depth < 0) {
    return 0;
  }
  room[0] = (char)depth;
  return room[0] + exhaust_stack(depth + 1) + room[0];
}

void last(uint32_t *vector, uint32_t *error_code, uint64_t *address) {
  if (vector && error_code && address) {
    *vector = seen.vector;
    *error_code = seen.error_code;
    *address = seen.address;
  }
}
