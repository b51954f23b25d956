/*
 * An enclave without any runtime, laid out as the Linux kernel's SGX selftests do it: the first segment is the TCS,
 * code and data follow, page after page as they lie in the file. No metadata and no SIGSTRUCT: whoever loads it makes
 * one. It is entered with RDI = the address of three numbers outside, and stores the sum of the first two in the third;
 * the number of its calls, which it keeps, goes out in RSI.
 */
#define NSSA 1

    .section .tcs, "aw", @progbits
    .balign 4096
    .quad   0, 0                /* state, flags */
    .quad   ssa                 /* OSSA */
    .long   0, NSSA             /* CSSA, NSSA */
    .quad   entry               /* OENTRY */
    .quad   0                   /* AEP */
    .quad   thread, thread      /* OFSBASE, OGSBASE */
    .long   0xffffffff, 0xffffffff
    .balign 4096

    .section .text, "ax", @progbits
    .globl  entry
entry:                          /* RAX = CSSA, RBX = TCS, RCX = the address after EENTER; there is no stack to use */
    cld
    mov     (%rdi), %rax
    add     8(%rdi), %rax
    mov     %rax, 16(%rdi)
    mov     $1, %esi
    lock xadd %rsi, calls(%rip)
    inc     %rsi
    mov     %rcx, %rbx
    xor     %ecx, %ecx
    xor     %edx, %edx
    mov     $4, %eax            /* EEXIT */
    enclu
    ud2

    .section .data, "aw", @progbits
    .balign 4096
ssa:
    .fill   4096 * NSSA, 1, 0
thread:
    .fill   4096 - 8, 1, 0
calls:
    .quad   0
    .section .note.GNU-stack, "", @progbits
