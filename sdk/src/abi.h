/*
 * Numbers that the start code (assembly) and the C sources share. Offsets of structures are repeated here because
 * the assembler cannot read C; layout.h asserts each of them against the structure.
 */
#ifndef ENCL_ABI_H
#define ENCL_ABI_H

/* ENCLU leaves, the Intel SDM volume 3D, "ENCLU". */
#define ENCLU_EREPORT 0
#define ENCLU_EENTER 2
#define ENCLU_EEXIT 4
#define ENCLU_EACCEPT 5
#define ENCLU_EMODPE 6

/* What the host says in RDI when it enters; zero and above is the number of an ECALL. */
#define ECMD_INIT_ENCLAVE (-1)
#define ECMD_ORET (-2)
#define ECMD_EXCEPT (-3)
#define ECMD_MAKE_TCS (-4)

/* What the enclave says in RDI when it leaves for good; zero and above is the number of an OCALL. */
#define OCMD_ERET (-1)

/* The layout of a thread: stack, then this gap without pages, then the TCS. */
#define GUARD_BYTES 0x10000
/* The top of every stack belongs to entries with CSSA > 0; ordinary entries start below it. */
#define RESERVED_STACK 2048
/* What a leaf function may keep below its stack pointer (System V ABI, x86-64). */
#define RED_ZONE 128

/* struct thread_data, at GS:0 and FS:0. */
#define TD_LAST_SP 8
#define TD_FIRST_SSA_GPR 32

/* struct ssa_gpr */
#define SSA_URSP 144
#define SSA_URBP 152

/* struct ocall_frame */
#define OCALL_FRAME_MARK 0x4c41434f

/* struct encl_registers and struct encl_exception */
#define REG_RAX 0
#define REG_RCX 8
#define REG_RDX 16
#define REG_RBX 24
#define REG_RSP 32
#define REG_RBP 40
#define REG_RSI 48
#define REG_RDI 56
#define REG_R8 64
#define REG_R9 72
#define REG_R10 80
#define REG_R11 88
#define REG_R12 96
#define REG_R13 104
#define REG_R14 112
#define REG_R15 120
#define REG_RFLAGS 128
#define REG_RIP 136
#define EXCEPTION_XSAVE 192

#endif
