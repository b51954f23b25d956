/* The state save area as the processor leaves it when an exception or an interrupt ends enclave mode (AEX). */
#ifndef ENCL_SSA_H
#define ENCL_SSA_H

#include "encl.h"

/* GPRSGX, SDM volume 3D. The last bytes of an SSA frame. */
struct ssa_gpr {
  struct encl_registers registers;
  uint64_t ursp; /* the host's stack pointer and frame pointer, stored by EENTER */
  uint64_t urbp;
  uint8_t vector; /* EXITINFO, valid only if bit 7 of `valid` is set */
  uint8_t type;   /* bits 2:0 */
  uint8_t reserved;
  uint8_t valid;
  uint8_t reserved2[3];
  uint8_t aex_notify;
  uint64_t fs_base;
  uint64_t gs_base;
};

/* EXINFO of the MISC region, directly below GPRSGX when MISCSELECT bit 0 is set. */
struct ssa_exinfo {
  uint64_t address;
  uint32_t error_code;
  uint32_t reserved;
};

/*
 * Called at the end of the first phase of an exception, with the frame that ERESUME will load: its RIP, RSP and RDI
 * lead to the handlers already. The runtime's own does nothing; an enclave that wants to see its frames, or to damage
 * them, defines its own. It runs on a stack of 2 KiB, may make no OCALL, and must return.
 */
void encl_before_resume(struct ssa_gpr *frame, void *xsave);

#endif
