/*
 * Where control enters the enclave and where it leaves.
 *
 * A trusted stack, growing downwards:
 *
 *   TCS - GUARD_BYTES ->  reserved: entries with CSSA > 0 run here
 *   td.stack_base     ->  entry frame: return address, untrusted RBP, untrusted RSP
 *                         frames of the ECALL
 *                         struct ocall_frame            <- td.last_sp while the OCALL is outside
 *                         entry frame of the nested ECALL or of ORET
 *
 * The frame of an entry lies directly below td.last_sp, so the OCALL way finds the return address there.
 * Nothing of the enclave is left in a register when it leaves, except what the call itself says (RAX, RBX, RDI, RSI).
 */
#include "abi.h"

    .section .rodata.clean_state, "a", @progbits
    .balign 64
/* An XSAVE area in standard form whose header says that every component is initial. MXCSR is always read. */
clean_state:
    .fill   24, 1, 0
    .long   0x1f80
    .fill   576 - 28, 1, 0

    .section .text.entry, "ax", @progbits

/* Puts all extended state (x87, SSE, AVX, AVX-512, …) into its initial state. Changes RAX and RDX only. */
    .type   scrub, @function
scrub:
    mov     $-1, %eax
    mov     $-1, %edx
    xrstor64 clean_state(%rip)
    ret
    .size   scrub, . - scrub

/*
 * EENTER comes here: RAX = CSSA, RBX = TCS, RCX = address after EENTER, RDI = command, RSI = argument.
 * RSP and RBP are still the host's.
 */
    .globl  enclave_entry
    .type   enclave_entry, @function
enclave_entry:
    mov     %rsp, %r9
    lea     -GUARD_BYTES(%rbx), %r10
    test    %rax, %rax
    jnz     1f
    sub     $RESERVED_STACK, %r10           /* the first entry of this TCS: its thread data are still zeroes */
    mov     %gs:TD_LAST_SP, %r11
    test    %r11, %r11
    cmovnz  %r11, %r10
1:  mov     %r10, %rsp
    push    %rcx
    push    %rbp
    push    %r9
    mov     %rsp, %rbp
    and     $-16, %rsp
    push    $2                              /* DF, AC, TF and the status flags were the host's choice */
    popfq
    mov     %rax, %r12
    call    scrub
    lfence
    mov     %rbx, %rdx
    mov     %r12, %rcx
    call    encl_enter                      /* (int command, void *argument, void *tcs, uint64_t cssa) */
    mov     %eax, %esi
    call    scrub
    lfence
    mov     %rbp, %rsp
    pop     %rdx
    pop     %rbp
    pop     %rbx
    mov     %rdx, %rsp
    mov     $OCMD_ERET, %rdi

leave_enclave:                              /* RBX = where to, RDI and RSI = what to say, RSP and RBP = the host's */
    xor     %ecx, %ecx
    xor     %edx, %edx
    xor     %r8d, %r8d
    xor     %r9d, %r9d
    xor     %r10d, %r10d
    xor     %r11d, %r11d
    xor     %r12d, %r12d
    xor     %r13d, %r13d
    xor     %r14d, %r14d
    xor     %r15d, %r15d
    cld
    mov     $ENCLU_EEXIT, %eax
    enclu
    ud2
    .size   enclave_entry, . - enclave_entry

/*
 * enum sgx_status encl_leave_for_ocall(unsigned index, void *argument)
 *
 * Keeps what a C function must keep (System V ABI: six registers, the control words of SSE and x87) in a
 * struct ocall_frame, and leaves to where this entry came from. ORET comes back through encl_return_from_ocall.
 */
    .globl  encl_leave_for_ocall
    .hidden encl_leave_for_ocall
    .type   encl_leave_for_ocall, @function
encl_leave_for_ocall:
    push    %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    sub     $24, %rsp
    mov     %gs:TD_LAST_SP, %rax
    mov     %rax, (%rsp)
    mov     %edi, 8(%rsp)
    movl    $OCALL_FRAME_MARK, 12(%rsp)
    stmxcsr 16(%rsp)
    fnstcw  20(%rsp)
    movw    $0, 22(%rsp)
    mov     -8(%rax), %rbx
    mov     %rsp, %gs:TD_LAST_SP
    call    scrub
    mov     %edi, %edi
    mov     %gs:TD_FIRST_SSA_GPR, %rcx
    mov     SSA_URBP(%rcx), %rbp
    mov     SSA_URSP(%rcx), %rsp            /* EENTER left it there; sgx_ocalloc may have moved it */
    jmp     leave_enclave
    .size   encl_leave_for_ocall, . - encl_leave_for_ocall

/* noreturn void encl_return_from_ocall(struct ocall_frame *frame, enum sgx_status status): returns from the OCALL. */
    .globl  encl_return_from_ocall
    .hidden encl_return_from_ocall
    .type   encl_return_from_ocall, @function
encl_return_from_ocall:
    mov     (%rdi), %rax
    mov     %rax, %gs:TD_LAST_SP
    mov     %rdi, %rsp
    ldmxcsr 16(%rsp)
    fldcw   20(%rsp)
    add     $24, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    mov     %esi, %eax
    ret
    .size   encl_return_from_ocall, . - encl_return_from_ocall

/*
 * The second phase of an exception: ERESUME comes here instead of to the faulting instruction, with
 * RDI = RSP = struct encl_exception, which lies on the stack of the interrupted code, below its red zone.
 * The general registers are in it already; the extended state is still live, so it is saved first.
 */
    .globl  encl_second_phase
    .hidden encl_second_phase
    .type   encl_second_phase, @function
encl_second_phase:
    mov     %rdi, %rbx
    mov     encl_xfrm_mask(%rip), %eax
    mov     encl_xfrm_mask + 4(%rip), %edx
    xsave64 EXCEPTION_XSAVE(%rbx)
    call    scrub
    mov     %rbx, %rdi
    call    encl_handle_exception
    mov     encl_xfrm_mask(%rip), %eax
    mov     encl_xfrm_mask + 4(%rip), %edx
    xrstor64 EXCEPTION_XSAVE(%rbx)
    /* There is no IRET in an enclave: RIP, RFLAGS and RBX travel below the red zone of where RSP shall be. */
    mov     REG_RSP(%rbx), %rsp
    lea     -RED_ZONE(%rsp), %rsp
    push    REG_RIP(%rbx)
    push    REG_RFLAGS(%rbx)
    push    REG_RBX(%rbx)
    mov     REG_RAX(%rbx), %rax
    mov     REG_RCX(%rbx), %rcx
    mov     REG_RDX(%rbx), %rdx
    mov     REG_RBP(%rbx), %rbp
    mov     REG_RSI(%rbx), %rsi
    mov     REG_RDI(%rbx), %rdi
    mov     REG_R8(%rbx), %r8
    mov     REG_R9(%rbx), %r9
    mov     REG_R10(%rbx), %r10
    mov     REG_R11(%rbx), %r11
    mov     REG_R12(%rbx), %r12
    mov     REG_R13(%rbx), %r13
    mov     REG_R14(%rbx), %r14
    mov     REG_R15(%rbx), %r15
    pop     %rbx
    popfq
    ret     $RED_ZONE
    .size   encl_second_phase, . - encl_second_phase

/*
 * The place that the signing tool fills with the enclave's metadata: a note "sgx_metadata" whose description
 * follows its name without padding, as the tools expect.
 */
    .section .note.sgxmeta, "", @note
    .balign 4
    .long   1f - 0f
    .long   2f - 1f
    .long   1
0:  .asciz  "sgx_metadata"
1:  .fill   0x6000, 1, 0
2:  .balign 4

    .section .note.GNU-stack, "", @progbits
