/*
 * The kernels as an ordinary Linux program, linked with the very object that the enclave contains, without a libc so
 * that it is the same bytes everywhere:
 *
 *   kernels.native KERNEL N [private]
 *
 * prints "KERNEL N CHECKSUM NANOSECONDS". Its memory is a shared memory object, as an enclave's is; `private` takes
 * anonymous memory instead.
 */
#include "encl.h"
#include "kernels.h"

enum { WRITE = 1, MMAP = 9, EXIT = 60, ARCH_PRCTL = 158, FTRUNCATE = 77, CLOCK_GETTIME = 228, MEMFD_CREATE = 319 };
enum { MONOTONIC = 1, READ_WRITE = 3, SHARED = 1, PRIVATE_ANONYMOUS = 0x22, SET_FS = 0x1002 };

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "+a"(number)
                   : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return number;
}

static _Noreturn void leave(int code) {
  for (;;) {
    system_call(EXIT, code, 0, 0, 0, 0, 0);
  }
}

void abort(void) { leave(134); }
__attribute__((noreturn)) void __stack_chk_fail(void) { leave(134); }

static uint64_t nanoseconds(void) {
  int64_t time[2];
  system_call(CLOCK_GETTIME, MONOTONIC, (long)time, 0, 0, 0, 0);
  return (uint64_t)time[0] * 1000000000u + (uint64_t)time[1];
}

static const struct {
  const char *name;
  uint64_t (*run)(uint64_t n);
} kernels[] = {{"sha256", kernel_sha256}, {"aes", kernel_aes},     {"sort", kernel_sort},
               {"matrix", kernel_matrix}, {"chase", kernel_chase}, {"stream", kernel_stream}};

/* Returns what the process exits with. */
static int run(int count, char **words) {
  uint64_t n = 0;
  for (const char *digit = count > 2 ? words[2] : ""; *digit >= '0' && *digit <= '9'; digit++) {
    n = n * 10 + (uint64_t)(*digit - '0');
  }
  long object = -1;
  long flags = PRIVATE_ANONYMOUS;
  if (count < 4 || strcmp(words[3], "private") != 0) {
    object = system_call(MEMFD_CREATE, (long)"kernels", 0, 0, 0, 0, 0);
    system_call(FTRUNCATE, object, KERNEL_MEMORY, 0, 0, 0, 0);
    flags = SHARED;
  }
  long memory = system_call(MMAP, 0, KERNEL_MEMORY, READ_WRITE, flags, object, 0);
  if (memory < 0 && memory > -4096) {
    return 1;
  }
  kernel_prepare((void *)memory);
  for (size_t i = 0; count > 2 && i < sizeof kernels / sizeof *kernels; i++) {
    if (strcmp(kernels[i].name, words[1]) == 0) {
      uint64_t start = nanoseconds();
      uint64_t sum = kernels[i].run(n);
      uint64_t time = nanoseconds() - start;
      char line[128];
      int length = snprintf(line, sizeof line, "%s %lu %lu %lu\n", kernels[i].name, n, sum, time);
      system_call(WRITE, 1, (long)line, length, 0, 0, 0);
      return 0;
    }
  }
  static const char usage[] = "usage: kernels.native sha256|aes|sort|matrix|chase|stream N [private]\n";
  system_call(WRITE, 2, (long)usage, sizeof usage - 1, 0, 0, 0);
  return 2;
}

__attribute__((used)) _Noreturn void start(long *stack) {
  static uint64_t thread[16]; /* FS:0x28 is where the compiler looks for the guard of the stack */
  system_call(ARCH_PRCTL, SET_FS, (long)thread, 0, 0, 0, 0);
  leave(run((int)stack[0], (char **)(stack + 1)));
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
