/*
 * Exceptions, in two phases. First the host enters once more (CSSA = 1) and the runtime looks at the frame that the
 * processor saved, copies it below the interrupted stack and bends its RIP to encl_second_phase. Then the host
 * resumes, and the handlers run like a call made by the code that failed.
 */
#include "layout.h"

enum { HANDLERS = 8, FLAG_TF = 1 << 8, FLAG_DF = 1 << 10, FLAG_AC = 1 << 18, VALID = 0x80 };

static struct encl_lock lock;
static encl_exception_handler *handlers[HANDLERS];

__attribute__((weak)) void encl_before_resume(struct ssa_gpr *frame, void *xsave) {
  (void)frame;
  (void)xsave;
}

enum sgx_status encl_first_phase(void *tcs) {
  struct thread_data *td = this_thread();
  if (!td || (uintptr_t)tcs != td->stack_base + RESERVED_STACK + GUARD_BYTES) {
    return SGX_ERROR_ENCLAVE_CRASHED;
  }
  struct ssa_gpr *frame = (struct ssa_gpr *)td->first_ssa_gpr;
  if (td->exception_flag < 0 || !(frame->valid & VALID)) {
    return SGX_ERROR_ENCLAVE_CRASHED;
  }
  if (!on_stack(td, frame->registers.rsp, 0)) {
    return SGX_ERROR_STACK_OVERRUN;
  }
  /* Below the red zone, three words that encl_second_phase needs at the end, and the record. */
  uint64_t size = sizeof(struct encl_exception) + td->xsave_size;
  uint64_t room = RED_ZONE + 3 * sizeof(uint64_t) + size;
  uint64_t sp = (frame->registers.rsp - room) & ~63ull;
  if (sp > frame->registers.rsp || !on_stack(td, sp, size)) {
    return SGX_ERROR_STACK_OVERRUN;
  }
  struct encl_exception *exception = (struct encl_exception *)sp;
  memset(exception, 0, size); /* XSAVE leaves most of its header as it was, and XRSTOR wants it zero */
  exception->registers = frame->registers;
  exception->vector = frame->vector;
  exception->type = frame->type & 7;
  exception->xsave_size = (uint32_t)td->xsave_size;
  if (frame->vector == ENCL_PAGE_FAULT || frame->vector == ENCL_PROTECTION) {
    const struct ssa_exinfo *info = (const struct ssa_exinfo *)frame - 1;
    exception->address = info->address;
    exception->error_code = info->error_code;
  }
  frame->registers.rip = (uint64_t)encl_second_phase;
  frame->registers.rsp = sp;
  frame->registers.rdi = sp;
  frame->registers.rflags &= ~(uint64_t)(FLAG_TF | FLAG_DF | FLAG_AC);
  encl_before_resume(frame, (void *)td->first_ssa_xsave);
  return SGX_SUCCESS;
}

/* Called by encl_second_phase, which then loads what is in the record. */
__attribute__((used)) void encl_handle_exception(struct encl_exception *exception) {
  struct thread_data *td = this_thread();
  for (int i = 0; i < HANDLERS; i++) {
    encl_exception_handler *handler = __atomic_load_n(&handlers[i], __ATOMIC_ACQUIRE);
    if (handler && handler(exception) == ENCL_RESUME) {
      if (!on_stack(td, exception->registers.rsp, 0)) {
        abort();
      }
      return;
    }
  }
  td->exception_flag = -1; /* the same instruction fails once more, and the host sees what really happened */
}

static bool replace(encl_exception_handler *old, encl_exception_handler *new) {
  encl_lock(&lock);
  bool found = false;
  for (int i = 0; i < HANDLERS && !found; i++) {
    if (handlers[i] == old) {
      __atomic_store_n(&handlers[i], new, __ATOMIC_RELEASE);
      found = true;
    }
  }
  encl_unlock(&lock);
  return found;
}

bool encl_add_exception_handler(encl_exception_handler *handler) { return handler && replace(NULL, handler); }

bool encl_remove_exception_handler(encl_exception_handler *handler) { return handler && replace(handler, NULL); }
