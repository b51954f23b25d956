#include "hostile.h"

#include "ssa.h"

enum { SYS_GETPID = 39, SYS_EXIT_GROUP = 231, SYS_FORK = 57, SYS_GETPPID = 110, SYS_KILL = 62, SYS_MPROTECT = 10 };
enum { SYS_MMAP = 9, SYS_MUNMAP = 11, SYS_OPEN = 2, SYS_RT_SIGRETURN = 15 };
enum { PAGE = 4096, TF = 1 << 8, DF = 1 << 10, AC = 1 << 18, NONE = -1 };

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
void enclave_entry(void);

static int64_t system_call(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  register uint64_t r10 __asm__("r10") = d, r8 __asm__("r8") = ~0ull, r9 __asm__("r9") = 0;
  __asm__ volatile("syscall"
                   : "+a"(number)
                   : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return number;
}

static int64_t system_call_attack(uint32_t number, uint64_t argument) {
  uint64_t code = (uint64_t)enclave_entry & -PAGE;
  int64_t result;
  switch (number) {
    case GETPID:
      return system_call(SYS_GETPID, 0, 0, 0, 0);
    case EXIT_GROUP:
      return system_call(SYS_EXIT_GROUP, 99, 0, 0, 0);
    case FORK:
      result = system_call(SYS_FORK, 0, 0, 0, 0);
      return result == 0 ? system_call(SYS_EXIT_GROUP, 98, 0, 0, 0) : result;
    case SIGNAL_PARENT:
      return system_call(SYS_KILL, (uint64_t)system_call(SYS_GETPPID, 0, 0, 0, 0), 0, 0, 0);
    case MAKE_CODE_WRITABLE:
      result = system_call(SYS_MPROTECT, code, PAGE, 7, 0);
      if (result == 0) {
        volatile uint8_t *byte = (volatile uint8_t *)code;
        *byte = *byte;
      }
      return result;
    case MAP_MEMORY:
      return system_call(SYS_MMAP, 0, argument, 3, 0x22);
    case UNMAP:
      return system_call(SYS_MUNMAP, argument, PAGE, 0, 0);
    case OPEN_FILE:
      return system_call(SYS_OPEN, (uint64_t) "/etc/passwd", 0, 0, 0);
    case ANY_SYSCALL:
      return system_call((int64_t)argument, 0, 0, 0, 0);
    case FORGE_SIGRETURN: {
      uint64_t frame[128] = {0};
      __asm__ volatile("mov %%rsp, %%r12; mov %1, %%rsp; syscall; mov %%r12, %%rsp"
                       : "+a"((uint64_t){SYS_RT_SIGRETURN})
                       : "r"(frame)
                       : "r11", "r12", "rcx", "memory");
      return 0;
    }
    case SYSENTER:
      __asm__ volatile("sysenter" : "=a"(result) : "a"(SYS_GETPID) : "rcx", "rdx", "memory");
      return result;
    case INT_80:
      __asm__ volatile("int $0x80" : "=a"(result) : "a"(1), "b"(77) : "memory");
      return result;
    case COMPATIBILITY_MODE:
      __asm__ volatile(
          "push $0x23\n\t lea 1f(%%rip), %%rax\n\t push %%rax\n\t lretq\n"
          "1: mov $1, %%eax\n\t mov $77, %%ebx\n\t int $0x80\n\t ud2"
          ::: "rax", "rbx", "memory");
      return NONE;
    case VSYSCALL:
      __asm__ volatile("call *%1" : "=a"(result) : "r"(0xffffffffff600400), "D"(0) : "rcx", "r11", "memory");
      return result;
    default:
      return NONE;
  }
}

/* ---- Looking around: a probe that faults goes on at the address in R12, with -1 in R13 ---- */

static bool probing;

static enum encl_decision survive(struct encl_exception *e) {
  if (!probing || (e->vector != ENCL_PAGE_FAULT && e->vector != ENCL_PROTECTION)) {
    return ENCL_CONTINUE_SEARCH;
  }
  e->registers.rip = e->registers.r12;
  e->registers.r13 = ~0ull;
  return ENCL_RESUME;
}

static bool readable(uint64_t address) {
  register int64_t failed __asm__("r13") = 0;
  probing = true;
  __asm__ volatile("lea 1f(%%rip), %%r12\n\t testb %%al, (%1)\n1:"
                   : "+r"(failed) : "r"(address) : "r12", "memory", "cc");
  probing = false;
  return !failed;
}

static int64_t search(uint64_t from, bool for_syscall) {
  const uint64_t end = (uint64_t)__ehdr_start;
  uint64_t found = 0;
  encl_add_exception_handler(survive);
  for (uint64_t page = from & -PAGE; page < end && !found; page += PAGE) {
    if (!readable(page)) {
      continue;
    }
    const volatile uint8_t *bytes = (const volatile uint8_t *)page;
    for (unsigned i = for_syscall && page < from ? (unsigned)(from - page) : 0; i < PAGE - 1 && !found; i++) {
      if (!for_syscall || (bytes[i] == 0x0f && bytes[i + 1] == 0x05)) {
        found = page + i;
      }
    }
  }
  encl_remove_exception_handler(survive);
  return (int64_t)found;
}

static uint64_t host_stack(void) {
  const struct ssa_gpr *frame;
  __asm__("mov %%gs:32, %0" : "=r"(frame)); /* td.first_ssa_gpr */
  return frame->ursp;
}

static int64_t memory_attack(uint32_t number, uint64_t argument) {
  int64_t result = 0;
  switch (number) {
    case JUMP:
      __asm__ volatile("jmp *%0" ::"r"(argument), "a"(SYS_EXIT_GROUP), "D"(97));
      return NONE;
    case CALL:
      __asm__ volatile("call *%1"
                       : "=a"(result)
                       : "r"(argument), "a"(SYS_EXIT_GROUP), "D"(97)
                       : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory");
      return result;
    case WRITE:
      for (unsigned i = 0; i < PAGE; i++) {
        ((volatile uint8_t *)argument)[i] = 0xff;
      }
      return 1;
    case READ:
      for (unsigned i = 0; i < PAGE; i++) {
        result += ((volatile const uint8_t *)argument)[i];
      }
      return result;
    case LEAVE_ANYWHERE:
      __asm__ volatile("enclu" ::"a"(4), "b"(argument), "D"(-1), "S"(0));
      return NONE;
    case OWN_BASE:
      return (int64_t)(uintptr_t)__ehdr_start;
    case HOST_STACK:
      return (int64_t)host_stack();
    case FIND_PAGE:
    case FIND_SYSCALL:
      return search(argument, number == FIND_SYSCALL);
    case WRITE_OWN_CODE:
      *(volatile uint8_t *)enclave_entry = 0x90;
      return 1;
    case WRITE_OWN_TCS: {
      uint64_t limit;
      __asm__("mov %%gs:16, %0" : "=r"(limit)); /* td.stack_base: 2 KiB and the guard below the TCS */
      *(volatile uint8_t *)(limit + 2048 + 0x10000) = 1;
      return 1;
    }
    case RUN_OWN_DATA: {
      static uint8_t code[] = {0xc3};
      __asm__ volatile("call *%0" ::"r"(code) : "memory");
      return 1;
    }
    default:
      return NONE;
  }
}

/* What EREPORT needs, in a place that does not depend on the stack. */
static struct {
  uint8_t target[512] __attribute__((aligned(512)));
  uint8_t data[128] __attribute__((aligned(128)));
  uint8_t report[512] __attribute__((aligned(512)));
} leaf;

#define EREPORT "xor %%eax, %%eax\n\t enclu\n\t"
#define LEAF_OPERANDS "b"(leaf.target), "c"(leaf.data), "d"(leaf.report)

static void report_with_flags(uint64_t flags) {
  __asm__ volatile("pushfq\n\t pushfq\n\t orq %0, (%%rsp)\n\t popfq\n\t" EREPORT "popfq"
                   ::"r"(flags), LEAF_OPERANDS : "rax", "memory", "cc");
}

static int64_t stack_attack(uint64_t rsp, bool report) {
  if (report) {
    __asm__ volatile("mov %%rsp, %%r12\n\t mov %0, %%rsp\n\t" EREPORT "mov %%r12, %%rsp"
                     ::"r"(rsp), LEAF_OPERANDS : "rax", "r12", "memory");
    return 1;
  }
  __asm__ volatile("mov %0, %%rsp\n\t test %0, %0\n\t jz 1f\n\t push %%rax\n1: ud2" ::"r"(rsp) : "memory");
  return NONE;
}

static int64_t state_attack(uint32_t number, uint64_t argument) {
  static const uint32_t mxcsr_default = 0x1f80, mxcsr_unmasked = 0x003f;
  switch (number) {
    case TRAP_FLAG:
      __asm__ volatile("pushfq\n\t pushfq\n\t orq %0, (%%rsp)\n\t popfq\n\t nop\n\t nop\n\t popfq" ::"i"(TF) : "cc");
      return 1;
    case TRAP_FLAG_LEAF:
      report_with_flags(TF);
      return 1;
    case DIRECTION_FLAG_LEAF:
      report_with_flags(DF);
      return 1;
    case ALIGNMENT_FLAG_LEAF:
      report_with_flags(AC);
      return 1;
    case ALIGNMENT_CHECK:
      __asm__ volatile("pushfq\n\t pushfq\n\t orq %0, (%%rsp)\n\t popfq\n\t mov 1(%1), %%rax\n\t popfq"
                       ::"i"(AC), "r"(leaf.report) : "rax", "cc");
      return 1;
    case UNMASKED_FLOAT_LEAF:
      /* x87: a stack fault left pending, all unmasked; SSE: all flags set and all unmasked. */
      __asm__ volatile("fninit\n\t fldz\n\t fld1\n\t fdivp\n\t fldcw %0" ::"m"((uint16_t){0x340}) : "memory");
      __asm__ volatile("ldmxcsr %0\n\t" EREPORT "ldmxcsr %1\n\t fninit"
                       ::"m"(mxcsr_unmasked), "m"(mxcsr_default), LEAF_OPERANDS : "rax", "memory");
      return 1;
    case SEGMENT_BASES_LEAF:
      __asm__ volatile("rdfsbase %%r8\n\t rdgsbase %%r9\n\t wrfsbase %0\n\t wrgsbase %0\n\t" EREPORT
                       "wrfsbase %%r8\n\t wrgsbase %%r9"
                       ::"r"(argument), LEAF_OPERANDS : "rax", "r8", "r9", "memory");
      return 1;
    case SEGMENT_BASES_FAULT:
      __asm__ volatile("wrfsbase %0\n\t wrgsbase %0\n\t ud2" ::"r"(argument));
      return NONE;
    case SELECTORS_LEAF:
      __asm__ volatile("rdfsbase %%r8\n\t rdgsbase %%r9\n\t xor %%eax, %%eax\n\t mov %%eax, %%ds\n\t"
                       "mov %%eax, %%es\n\t mov %%eax, %%fs\n\t mov %%eax, %%gs\n\t" EREPORT
                       "wrfsbase %%r8\n\t wrgsbase %%r9"
                       ::LEAF_OPERANDS : "rax", "r8", "r9", "memory");
      return 1;
    case TRAP_FLAG_EXIT:
      /* EEXIT as the runtime does it (the frame of this entry lies below td.last_sp), with one more flag. */
      __asm__ volatile("mov %%gs:8, %%rcx\n\t mov -8(%%rcx), %%rbx\n\t mov -16(%%rcx), %%rbp\n\t"
                       "mov -24(%%rcx), %%rsp\n\t mov $-1, %%rdi\n\t xor %%esi, %%esi\n\t mov $4, %%eax\n\t"
                       "pushfq\n\t orq %0, (%%rsp)\n\t popfq\n\t enclu" ::"i"(TF));
      return NONE;
    default:
      return NONE;
  }
}

static int64_t instruction_attack(uint32_t number, uint64_t argument) {
  uint64_t rax = argument;
  uint64_t rbx = 0;
  switch (number) {
    case LEAF:
      __asm__ volatile("enclu" : "+a"(rax), "+b"(rbx) : "c"(0), "d"(0), "D"(0), "S"(0) : "memory", "cc");
      return (int64_t)rax;
    case PRIVILEGED:
      switch (argument) {
        case 0: __asm__ volatile("hlt"); break;
        case 1: __asm__ volatile("cli"); break;
        case 2: __asm__ volatile("in $0x80, %%al" ::: "rax"); break;
        case 3: __asm__ volatile("out %%al, $0x80" ::: "rax"); break;
        case 4: __asm__ volatile("rdmsr" ::"c"(0x10) : "rax", "rdx"); break;
        case 5: __asm__ volatile("mov %%cr3, %%rax" ::: "rax"); break;
        case 6: __asm__ volatile("lgdt (%0)" ::"r"(leaf.data)); break;
        case 7: __asm__ volatile("invd"); break;
        default: return NONE;
      }
      return 1;
    case CPUID:
      __asm__ volatile("cpuid" : "+a"(rax), "=b"(rbx) : "c"(0) : "rdx");
      return (int64_t)rbx;
    case SOFTWARE_INTERRUPT:
      __asm__ volatile("int $0x2e" ::: "rax", "memory");
      return 1;
    case IRET:
      __asm__ volatile("mov %%rsp, %%rax\n\t mov %%ss, %%ecx\n\t push %%rcx\n\t push %%rax\n\t pushfq\n\t"
                       "mov %%cs, %%ecx\n\t push %%rcx\n\t lea 1f(%%rip), %%rcx\n\t push %%rcx\n\t iretq\n1:"
                       ::: "rax", "rcx", "memory");
      return 1;
    case REPORT_ANYWHERE:
      __asm__ volatile("xor %%eax, %%eax\n\t enclu"
                       ::"b"(leaf.target), "c"(leaf.data), "d"(argument) : "rax", "memory");
      return 1;
    default:
      return NONE;
  }
}

/* ---- Exceptions of its own ---- */

static uint32_t damage;
static uint64_t damage_with;
static uint64_t handled;

static enum encl_decision step_over(struct encl_exception *e) {
  if (e->vector != ENCL_UNDEFINED) {
    return ENCL_CONTINUE_SEARCH;
  }
  handled++;
  e->registers.rip += 2; /* ud2 */
  return ENCL_RESUME;
}

void encl_before_resume(struct ssa_gpr *frame, void *xsave) {
  uint8_t *area = xsave;
  switch (damage) {
    case FRAME_RIP:
      frame->registers.rip = damage_with;
      break;
    case FRAME_RSP:
      frame->registers.rsp = damage_with;
      break;
    case FRAME_RFLAGS:
      frame->registers.rflags = damage_with;
      break;
    case FRAME_BASES:
      frame->fs_base = damage_with;
      frame->gs_base = damage_with;
      break;
    case FRAME_XSAVE_HEADER:
      memset(area + 512, 0xff, 64);
      break;
    case FRAME_XSTATE_BV:
      memcpy(area + 512, &damage_with, sizeof damage_with);
      break;
    case FRAME_MXCSR:
      memcpy(area + 24, &damage_with, sizeof(uint32_t));
      break;
    case FRAME_URSP:
      frame->ursp = damage_with;
      frame->urbp = damage_with;
      break;
    case FRAME_ALL:
      memset(area, 0xff, (size_t)((uint8_t *)(frame + 1) - area));
      break;
    default:
      break;
  }
  damage = NOTHING;
}

/* ---- Races: what a monitor checks must be what it uses ---- */

enum { ROUNDS = 20000 };

static int64_t race_frame(uint64_t distance) {
  uint64_t own;
  __asm__("mov %%gs:88, %0" : "=r"(own)); /* td.first_ssa_xsave */
  encl_add_exception_handler(survive);
  uint64_t other = readable(own + distance) ? own + distance : own - distance;
  bool there = readable(other);
  encl_remove_exception_handler(survive);
  if (!there) {
    return NONE;
  }
  volatile uint32_t *mxcsr = (volatile uint32_t *)(other + 24);
  volatile uint64_t *header = (volatile uint64_t *)(other + 512); /* XSTATE_BV, XCOMP_BV */
  volatile struct ssa_gpr *gpr = (volatile struct ssa_gpr *)(other + PAGE - sizeof(struct ssa_gpr));
  for (unsigned i = 0; i < 500 * ROUNDS; i++) {
    uint32_t good_mxcsr = *mxcsr;
    uint64_t good_mask = header[0];
    uint64_t good_base = gpr->fs_base;
    *mxcsr = ~0u;
    header[0] = ~0ull;
    header[1] = ~0ull;
    gpr->fs_base = 1ull << 63;
    *mxcsr = good_mxcsr & 0xffff;
    header[0] = good_mask & 7;
    header[1] = 0;
    gpr->fs_base = good_base & ~(1ull << 63);
  }
  return 1;
}

static int64_t race_page(uint64_t page) {
  volatile uint64_t *words = (volatile uint64_t *)page;
  for (unsigned i = 0; i < ROUNDS; i++) {
    for (unsigned k = 0; k < PAGE / sizeof *words; k++) {
      uint64_t word = words[k];
      words[k] = i & 1 ? ~0ull : word ^ 0x8000800080018001;
      words[k] = word;
    }
  }
  return 1;
}

static int64_t leaves(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    report_with_flags(0);
  }
  return 1;
}

static int64_t exhaust(int64_t depth) {
  volatile uint8_t room[256];
  room[0] = (uint8_t)depth;
  return depth < 0 ? 0 : exhaust(depth + 1) + room[0];
}

static int64_t exception_attack(uint32_t number, uint64_t argument) {
  encl_add_exception_handler(step_over);
  handled = 0;
  if (number == STORM) {
    for (uint64_t i = 0; i < argument; i++) {
      __asm__ volatile("ud2" ::: "memory");
    }
  } else {
    damage_with = argument;
    damage = number;
    __asm__ volatile("ud2" ::: "memory");
  }
  encl_remove_exception_handler(step_over);
  return (int64_t)handled;
}

int64_t attack(uint32_t number, uint64_t argument) {
  switch (number) {
    case NOTHING:
      return 0;
    case GETPID ... VSYSCALL:
      return system_call_attack(number, argument);
    case JUMP ... FIND_SYSCALL:
    case WRITE_OWN_CODE ... RUN_OWN_DATA:
      return memory_attack(number, argument);
    case NO_STACK:
    case NO_STACK_LEAF:
      return stack_attack(0, number == NO_STACK_LEAF);
    case WILD_STACK:
    case WILD_STACK_LEAF:
      return stack_attack(argument, number == WILD_STACK_LEAF);
    case TRAP_FLAG ... TRAP_FLAG_EXIT:
      return state_attack(number, argument);
    case LEAF ... IRET:
    case REPORT_ANYWHERE:
      return instruction_attack(number, argument);
    case LOOP:
      for (;;) {
        __asm__ volatile("");
      }
    case EXHAUST_STACK:
      return exhaust(0);
    case RACE_FRAME:
      return race_frame(argument);
    case RACE_PAGE:
      return race_page(argument);
    case LEAVES:
      return leaves(argument);
    case STORM:
    case FRAME_RIP ... FRAME_ALL:
      return exception_attack(number, argument);
    default:
      return NONE;
  }
}

uint64_t enclu_sites(void) {
  extern const char __etext[] __attribute__((visibility("hidden")));
  const uintptr_t start = (uintptr_t)__ehdr_start + PAGE; /* headers first, then code */
  const uintptr_t end = (uintptr_t)__etext - 2;
  uint64_t sites = 0;
  for (uintptr_t at = start; at < end; at++) {
    const volatile uint8_t *code = (const uint8_t *)at;
    sites += code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xd7;
  }
  return sites;
}
