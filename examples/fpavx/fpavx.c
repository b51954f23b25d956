#include "fpavx.h"

enum { REGISTERS = 16, XFRM_AVX = 1 << 2 };

typedef uint64_t vectors[REGISTERS][4] __attribute__((aligned(32)));

double leibniz(uint64_t terms) {
  double sum = 0;
  for (uint64_t i = 0; i < terms; i++) {
    sum += (i & 1 ? -1.0 : 1.0) / (double)(2 * i + 1);
    if ((i + 1) % (terms / 4 + 1) == 0) {
      double same = 0;
      if (ocall_report(&same, 4 * sum) != SGX_SUCCESS || same != 4 * sum) {
        return 0;
      }
    }
  }
  return 4 * sum;
}

static uint32_t mxcsr(void) {
  uint32_t value;
  __asm__ volatile("stmxcsr %0" : "=m"(value));
  return value;
}

static uint16_t x87_control(void) {
  uint16_t value;
  __asm__ volatile("fnstcw %0" : "=m"(value));
  return value;
}

int control_words(void) {
  static const uint32_t default_mxcsr = 0x1f80, toward_zero = 0x1f80 | 3 << 13;
  static const uint16_t default_x87 = 0x37f, single_up = 0x87f;
  __asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(toward_zero), "m"(single_up));
  double same = 0;
  bool good = ocall_report(&same, 1.0) == SGX_SUCCESS && same == 1.0;
  good = good && (mxcsr() & ~0x3fu) == toward_zero && x87_control() == single_up;
  __asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(default_mxcsr), "m"(default_x87));
  return good;
}

static void fill(vectors values, uint64_t seed) {
  for (unsigned i = 0; i < REGISTERS; i++) {
    for (unsigned k = 0; k < 4; k++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      values[i][k] = seed;
    }
  }
}

static int differences(const vectors one, const vectors other, unsigned words) {
  int count = 0;
  for (unsigned i = 0; i < REGISTERS; i++) {
    count += memcmp(one[i], other[i], words * sizeof(uint64_t)) != 0;
  }
  return count;
}

#define EACH(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) \
  what(8) what(9) what(10) what(11) what(12) what(13) what(14) what(15)
#define LOAD_XMM(n) "movdqa 32*" #n "(%1), %%xmm" #n "\n\t"
#define STORE_XMM(n) "movdqa %%xmm" #n ", 32*" #n "(%2)\n\t"
#define LOAD_YMM(n) "vmovdqa 32*" #n "(%1), %%ymm" #n "\n\t"
#define STORE_YMM(n) "vmovdqa %%ymm" #n ", 32*" #n "(%2)\n\t"
#define ALL_XMM "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
  "xmm12", "xmm13", "xmm14", "xmm15"

/* Loads all registers, spins (ud2 in the middle if rounds is 0: it is two bytes long), and stores them. */
#define HOLD(load, store, rounds, before, after)                                                  \
  __asm__ volatile(EACH(load) "test %0, %0\n\t jnz 1f\n\t ud2\n\t jmp 2f\n"                       \
                   "1: dec %0\n\t jnz 1b\n"                                                        \
                   "2:" EACH(store)                                                               \
                   : "+r"(rounds) : "r"(before), "r"(after) : "memory", "cc", ALL_XMM)

static int hold_registers(uint64_t seed, uint64_t rounds) {
  vectors before, after;
  fill(before, seed);
  memset(after, 0, sizeof after);
  if (encl_xfrm() & XFRM_AVX) {
    HOLD(LOAD_YMM, STORE_YMM, rounds, before, after);
    __asm__ volatile("vzeroupper");
    return differences(before, after, 4);
  }
  HOLD(LOAD_XMM, STORE_XMM, rounds, before, after);
  return differences(before, after, 2);
}

int hold(uint64_t seed, uint64_t rounds) { return hold_registers(seed, rounds ? rounds : 1); }

static enum encl_decision overwrite(struct encl_exception *e) {
  if (e->vector != ENCL_UNDEFINED) {
    return ENCL_CONTINUE_SEARCH;
  }
  vectors junk;
  memset(junk, 0xa5, sizeof junk);
  uint64_t once = 1;
  if (encl_xfrm() & XFRM_AVX) {
    HOLD(LOAD_YMM, STORE_YMM, once, junk, junk);
  } else {
    HOLD(LOAD_XMM, STORE_XMM, once, junk, junk);
  }
  __asm__ volatile("fninit; fldpi; fldpi; fldpi");
  e->registers.rip += 2; /* over the ud2 */
  return ENCL_RESUME;
}

int hold_through_exception(uint64_t seed) {
  encl_add_exception_handler(overwrite);
  int changed = hold_registers(seed, 0);
  encl_remove_exception_handler(overwrite);
  return changed;
}

int x87_through_exception(void) {
  double after[3] = {0};
  encl_add_exception_handler(overwrite);
  __asm__ volatile("fld1\n\t fldl2t\n\t fldln2\n\t ud2\n\t fstpl 16(%0)\n\t fstpl 8(%0)\n\t fstpl (%0)" ::"r"(after)
                   : "memory");
  encl_remove_exception_handler(overwrite);
  return (after[0] != 1.0) + (after[1] != 3.321928094887362) + (after[2] != 0.6931471805599453);
}
