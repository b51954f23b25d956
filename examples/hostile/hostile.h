#ifndef HOSTILE_H
#define HOSTILE_H

#include "encl.h"

/*
 * The attacks. "Returns" tells what the ECALL's result is when the attack was not stopped; a system call's result is
 * what the kernel said (negative: -errno).
 */
enum attack {
  NOTHING = 0,               /* returns 0 */

  /* System calls made by the enclave's own SYSCALL instruction. */
  GETPID = 1,                /* returns the process id */
  EXIT_GROUP = 2,            /* does not return: exit code 99 */
  FORK = 3,                  /* returns 0 and the child's id; the child loops in FORK no further, it exits with 98 */
  SIGNAL_PARENT = 4,         /* sends signal 0 to its parent; returns the result */
  MAKE_CODE_WRITABLE = 5,    /* mprotect of a page of its code, then a write; returns the result of mprotect */
  MAP_MEMORY = 6,            /* maps `argument` bytes; returns the result */
  UNMAP = 7,                 /* unmaps 4096 bytes at `argument`; returns the result */
  OPEN_FILE = 8,             /* opens /etc/passwd; returns the descriptor */
  ANY_SYSCALL = 9,           /* number `argument`, all parameters 0; returns the result */
  FORGE_SIGRETURN = 10,      /* rt_sigreturn with a frame of zeroes */
  SYSENTER = 11,             /* the SYSENTER instruction */
  INT_80 = 12,               /* exit(77) by the 32-bit interface */
  COMPATIBILITY_MODE = 13,   /* a far return into 32-bit code that does the same */
  VSYSCALL = 14,             /* time() in the kernel's vsyscall page; returns the time */

  /* Control flow and memory that is not its own. */
  JUMP = 20,                 /* jumps to `argument` with the registers set for exit_group(97) */
  CALL = 21,                 /* calls `argument`; returns RAX */
  WRITE = 22,                /* writes 0xff to 4096 bytes at `argument`; returns 1 */
  READ = 23,                 /* adds up 4096 bytes at `argument`; returns the sum */
  LEAVE_ANYWHERE = 24,       /* EEXIT to `argument` */
  OWN_BASE = 25,             /* returns where the enclave starts */
  HOST_STACK = 26,           /* returns the host's stack pointer */
  FIND_PAGE = 27,            /* returns the next readable page at or above `argument` and below its own base, or 0 */
  FIND_SYSCALL = 28,         /* returns the next SYSCALL instruction there, or 0 */

  /* Stacks. */
  NO_STACK = 30,             /* RSP = 0, then a fault */
  WILD_STACK = 31,           /* RSP = `argument`, a push, then a fault */
  NO_STACK_LEAF = 32,        /* RSP = 0, then ENCLU[EREPORT]; returns 1 */
  WILD_STACK_LEAF = 33,      /* RSP = `argument`, then ENCLU[EREPORT]; returns 1 */

  /* Flags and control registers that the monitor's own code may trip over. */
  TRAP_FLAG = 40,            /* sets TF over a few instructions; returns 1 */
  TRAP_FLAG_LEAF = 41,       /* sets TF, then EREPORT */
  DIRECTION_FLAG_LEAF = 42,  /* sets DF, then EREPORT */
  ALIGNMENT_FLAG_LEAF = 43,  /* sets AC, then EREPORT with everything aligned */
  ALIGNMENT_CHECK = 44,      /* sets AC, then an unaligned load: #AC */
  UNMASKED_FLOAT_LEAF = 45,  /* unmasks SSE and x87 exceptions, leaves some pending, then EREPORT */
  SEGMENT_BASES_LEAF = 46,   /* FS and GS bases = `argument`, then EREPORT */
  SEGMENT_BASES_FAULT = 47,  /* FS and GS bases = `argument`, then ud2 */
  SELECTORS_LEAF = 48,       /* loads FS, GS, DS, ES with the null selector, then EREPORT */
  TRAP_FLAG_EXIT = 49,       /* sets TF, then returns from the ECALL by EEXIT */

  /* Leaves and instructions. */
  LEAF = 50,                 /* ENCLU with EAX = `argument`, other registers 0; returns EAX */
  PRIVILEGED = 51,           /* hlt, cli, in, out, rdmsr, mov from cr3, lgdt, invd by `argument` = 0 to 7 */
  CPUID = 52,                /* CPUID leaf `argument`; returns EBX */
  SOFTWARE_INTERRUPT = 53,   /* int 0x2e */
  IRET = 54,                 /* IRETQ with its own CS and SS: returns 1 */
  WRITE_OWN_CODE = 55,       /* a store to its own code */
  WRITE_OWN_TCS = 56,        /* a store to its own TCS */
  RUN_OWN_DATA = 57,         /* a jump into its data */
  REPORT_ANYWHERE = 58,      /* EREPORT with its output at `argument` */

  /* Denial. */
  LOOP = 60,                 /* for ever */
  STORM = 61,                /* `argument` exceptions, each handled; returns their number */
  EXHAUST_STACK = 62,        /* recursion without an end */

  /* Damages the saved state of the next exception, then raises one: ERESUME has to swallow this. */
  FRAME_RIP = 70,            /* RIP = `argument` */
  FRAME_RSP = 71,            /* RSP = `argument` */
  FRAME_RFLAGS = 72,         /* RFLAGS = `argument` */
  FRAME_BASES = 73,          /* FS and GS bases = `argument` */
  FRAME_XSAVE_HEADER = 74,   /* the 64 bytes of the XSAVE header = 0xff */
  FRAME_XSTATE_BV = 75,      /* XSTATE_BV = `argument` */
  FRAME_MXCSR = 76,          /* MXCSR = `argument` */
  FRAME_URSP = 77,           /* the host's stack pointer and frame pointer = `argument` */
  FRAME_ALL = 78,            /* every byte of the frame = 0xff */

  /* With a second thread inside, which goes on with something else. */
  RACE_FRAME = 80,           /* changes the other thread's frame to and fro; it lies `argument` bytes away. Returns 1 */
  RACE_PAGE = 81,            /* changes all words of the page at `argument` to and fro. Returns 1 */
  LEAVES = 82,               /* `argument` times EREPORT; returns 1 */
};

int64_t attack(uint32_t number, uint64_t argument);
uint64_t enclu_sites(void);

#endif
