/*
 * The life of the enclave seen from inside: initialised once by ECMD_INIT_ENCLAVE, then serving ECALLs, until it
 * crashes, which is for good. This file is built without the stack protector, whose guard it sets.
 */
#include "elf64.h"
#include "layout.h"
#include "pages.h"

enum state { NOT_STARTED, STARTING, RUNNING, CRASHED };

/* Overwritten by the signing tool: not const, which would let the compiler fold it, and with bytes in the file. */
__attribute__((visibility("default"), section(".data.global_data"))) struct global_data g_global_data = {
    .sdk_version = 2ull << 32 | 26ull << 16 | 100,
};

uint64_t encl_xfrm_mask;

static uint32_t state = NOT_STARTED;
static uintptr_t range_base;
static uint64_t range_size;
static bool dynamic;

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const struct elf64_dyn _DYNAMIC[] __attribute__((visibility("hidden")));
void enclave_entry(void) __attribute__((visibility("default")));

static void set_state(enum state to) { __atomic_store_n(&state, to, __ATOMIC_RELEASE); }

void abort(void) {
  set_state(CRASHED);
  __builtin_trap();
}

__attribute__((noreturn)) void __stack_chk_fail(void) { abort(); }

bool sgx_is_within_enclave(const void *address, size_t size) {
  uintptr_t first = (uintptr_t)address;
  uintptr_t last = first + (size ? size - 1 : 0);
  return first <= last && first >= range_base && last - range_base < range_size;
}

bool sgx_is_outside_enclave(const void *address, size_t size) {
  uintptr_t first = (uintptr_t)address;
  uintptr_t last = first + (size ? size - 1 : 0);
  return first <= last && (last < range_base || (first > range_base && first - range_base >= range_size));
}

uint64_t encl_xfrm(void) { return encl_xfrm_mask; }

/* Applies the image's own relocations. The build lets only RELATIVE ones pass. */
static bool relocate(void) {
  uintptr_t base = (uintptr_t)__ehdr_start;
  const struct elf64_rela *relocation = NULL;
  size_t size = 0;
  for (const struct elf64_dyn *entry = _DYNAMIC; entry->tag != DT_NULL; entry++) {
    if (entry->tag == DT_RELA) {
      relocation = (const struct elf64_rela *)(base + entry->value);
    } else if (entry->tag == DT_RELASZ) {
      size = entry->value;
    }
  }
  for (const struct elf64_rela *end = relocation + size / sizeof *relocation; relocation < end; relocation++) {
    if ((uint32_t)relocation->info != R_X86_64_RELATIVE) {
      return false;
    }
    *(uint64_t *)(base + relocation->offset) = base + (uint64_t)relocation->addend;
  }
  return true;
}

static void find_range(void) {
  const struct global_data *data = &g_global_data;
  range_base = data->elrange_size ? data->elrange_start : (uintptr_t)__ehdr_start;
  range_size = data->elrange_size ? data->elrange_size : data->enclave_size;
}

bool encl_dynamic(void) { return dynamic; }

uintptr_t encl_range_base(void) { return range_base; }

/* With dynamic memory, what lies above the heap's minimum is there when somebody asks for it (pages.h), not at first. */
static size_t usable_heap(void) {
  const struct global_data *data = &g_global_data;
  for (uint32_t i = 0; dynamic && i < data->layout_count && i < LAYOUT_ENTRIES; i++) {
    if (data->layouts[i].entry.id == LAYOUT_HEAP_MIN) {
      return (size_t)data->layouts[i].entry.page_count * PAGE_BYTES;
    }
  }
  return data->heap_size;
}

/* XFRM stands in the enclave's own REPORT (offset 48: ATTRIBUTES.FLAGS, 56: XFRM). */
static uint64_t reported_xfrm(void) {
  static const uint8_t nobody[512], nothing[64];
  uint8_t report[432];
  uint64_t xfrm;
  encl_report(nobody, nothing, report);
  memcpy(&xfrm, report + 56, sizeof xfrm);
  return xfrm;
}

/* Gives this TCS fresh thread data, and thread-local variables their first values. */
static bool init_thread(void *tcs) {
  const struct global_data *data = &g_global_data;
  uintptr_t base = (uintptr_t)tcs;
  struct thread_data *td = (struct thread_data *)(base + data->thread_template.self);
  *td = data->thread_template;
  td->self += base;
  td->stack_base += base - RESERVED_STACK;
  td->last_sp = td->stack_base;
  td->stack_limit += base;
  td->first_ssa_gpr += base;
  td->first_ssa_xsave += base;
  td->tls_address += base;
  td->tls_array += base;

  const struct elf64_ehdr *image = (const struct elf64_ehdr *)__ehdr_start;
  const struct elf64_phdr *segment = (const struct elf64_phdr *)(__ehdr_start + image->phoff);
  for (const struct elf64_phdr *end = segment + image->phnum; segment < end; segment++) {
    if (segment->type == PT_TLS) {
      memset((void *)td->tls_address, 0, td->self - td->tls_address);
      memcpy((void *)td->tls_address, __ehdr_start + segment->vaddr, segment->filesz);
    }
  }
  return encl_random(&td->stack_guard, sizeof td->stack_guard);
}

static enum sgx_status init_enclave(void *argument, void *tcs) {
  uint32_t expected = NOT_STARTED;
  if (!__atomic_compare_exchange_n(&state, &expected, STARTING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
      !relocate()) {
    return SGX_ERROR_UNEXPECTED;
  }
  find_range();
  struct system_features features;
  if (!argument || !sgx_is_outside_enclave(argument, sizeof features)) {
    return SGX_ERROR_UNEXPECTED;
  }
  encl_fence();
  memcpy(&features, argument, sizeof features);
  dynamic = features.version >= SDK_VERSION_3_0 && (features.features & 1);
  encl_heap_init((void *)(__ehdr_start + g_global_data.heap_offset), usable_heap());
  encl_xfrm_mask = reported_xfrm();
  if (!init_thread(tcs)) {
    return SGX_ERROR_UNEXPECTED;
  }
  set_state(RUNNING);
  return SGX_SUCCESS;
}

/* A root ECALL must be public; a nested one must be in the allow list of the OCALL that is outside. */
static enum sgx_status may_call(const struct thread_data *td, uint32_t index) {
  if (index >= g_ecall_table.count) {
    return SGX_ERROR_INVALID_FUNCTION;
  }
  encl_fence();
  if (td->last_sp == td->stack_base) {
    return g_ecall_table.ecalls[index].is_private ? SGX_ERROR_ECALL_NOT_ALLOWED : SGX_SUCCESS;
  }
  const struct ocall_frame *outside = (const struct ocall_frame *)td->last_sp;
  if (outside->mark != OCALL_FRAME_MARK || outside->index >= g_dyn_entry_table.count) {
    return SGX_ERROR_INVALID_FUNCTION;
  }
  encl_fence();
  size_t row = outside->index * g_ecall_table.count;
  return g_dyn_entry_table.allowed[row + index] ? SGX_SUCCESS : SGX_ERROR_ECALL_NOT_ALLOWED;
}

static enum sgx_status ecall(uint32_t index, void *argument, void *tcs) {
  struct thread_data *td = this_thread();
  bool root = !td || td->last_sp == td->stack_base;
  if (!td || (root && g_global_data.thread_policy != TCS_POLICY_BIND)) {
    if (!init_thread(tcs)) {
      return SGX_ERROR_UNEXPECTED;
    }
    td = this_thread();
  }
  enum sgx_status status = may_call(td, index);
  if (status != SGX_SUCCESS) {
    return status;
  }
  encl_fence();
  return g_ecall_table.ecalls[index].bridge(argument);
}

/* Serves one EENTER; what it returns goes to the host in RSI. */
__attribute__((used)) enum sgx_status encl_enter(int command, void *argument, void *tcs, uint64_t cssa) {
  enum sgx_status status = SGX_ERROR_UNEXPECTED;
  uint32_t now = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
  if (now == CRASHED) {
    return SGX_ERROR_ENCLAVE_CRASHED;
  }
  if (cssa == 0 && command == ECMD_INIT_ENCLAVE) {
    status = init_enclave(argument, tcs);
  } else if (now != RUNNING) {
    status = SGX_ERROR_UNEXPECTED;
  } else if (cssa == 1 && command == ECMD_EXCEPT) {
    status = encl_first_phase(tcs);
  } else if (cssa == 0 && command == ECMD_ORET) {
    status = encl_oret((enum sgx_status)(uintptr_t)argument);
  } else if (cssa == 0 && command == ECMD_MAKE_TCS) {
    status = encl_make_thread(argument);
  } else if (cssa == 0 && command >= 0) {
    status = ecall((uint32_t)command, argument, tcs);
  }
  if (status == SGX_ERROR_UNEXPECTED || status == SGX_ERROR_ENCLAVE_CRASHED || status == SGX_ERROR_STACK_OVERRUN) {
    set_state(CRASHED);
  }
  return status;
}
