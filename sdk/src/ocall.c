/* OCALLs: leaving in the middle of an ECALL, and the part of the host's stack that arguments travel on. */
#include "edge.h"
#include "layout.h"

enum sgx_status sgx_ocall(unsigned index, void *argument) {
  return index < g_dyn_entry_table.count ? encl_leave_for_ocall(index, argument) : SGX_ERROR_INVALID_FUNCTION;
}

/* ORET: the host says that the OCALL outside has returned. Comes back only if there is none. */
enum sgx_status encl_oret(enum sgx_status status) {
  struct thread_data *td = this_thread();
  if (!td || td->last_sp == td->stack_base || !on_stack(td, td->last_sp, sizeof(struct ocall_frame))) {
    return SGX_ERROR_UNEXPECTED;
  }
  struct ocall_frame *frame = (struct ocall_frame *)td->last_sp;
  if (frame->mark != OCALL_FRAME_MARK || frame->previous <= td->last_sp || frame->previous > td->stack_base) {
    return SGX_ERROR_UNEXPECTED;
  }
  frame->mark = 0;
  encl_return_from_ocall(frame, status);
}

static struct ssa_gpr *first_frame(void) { return (struct ssa_gpr *)this_thread()->first_ssa_gpr; }

void *sgx_ocalloc(size_t size) {
  struct ssa_gpr *ssa = first_frame();
  uint64_t top = ssa->ursp;
  if (!sgx_is_outside_enclave((void *)top, sizeof top) || top < 2 * PAGE_BYTES || size > top - PAGE_BYTES) {
    abort();
  }
  uint64_t bottom = (top - size) & ~15ull;
  if (!sgx_is_outside_enclave((void *)bottom, top - bottom)) {
    abort();
  }
  /* Touch page after page downwards, so that the host's guard page is met and not jumped over. */
  for (uint64_t page = (top - 1) & -PAGE_BYTES; page >= (bottom & -PAGE_BYTES); page -= PAGE_BYTES) {
    ssa->ursp = page; /* an operating system may refuse to grow a stack below its stack pointer */
    *(volatile uint8_t *)page = 0;
  }
  ssa->ursp = bottom;
  return (void *)bottom;
}

void sgx_ocfree(void) {
  uint64_t entered = ((const struct entry_frame *)this_thread()->last_sp)[-1].host_rsp;
  if (!sgx_is_outside_enclave((void *)entered, sizeof entered)) {
    abort();
  }
  first_frame()->ursp = entered;
}
