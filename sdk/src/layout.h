/*
 * The structures that the signing tool fills in, and the runtime's own per thread. Names, order and sizes of
 * g_global_data and thread_data are those of the Intel SDK 2.26 (common/inc/internal/global_data.h, thread_data.h,
 * metadata.h): the tool overwrites the whole of g_global_data with a template for the measured image.
 */
#ifndef ENCL_LAYOUT_H
#define ENCL_LAYOUT_H

#include "abi.h"
#include "encl.h"
#include "ssa.h"

enum { PAGE_BYTES = 4096 };

/* One per TCS, at FS:0 and GS:0. In the template every address is relative to the TCS. */
struct thread_data {
  uint64_t self;
  uint64_t last_sp; /* where the next entry's frame goes: stack_base, or the ocall_frame of the OCALL in progress */
  uint64_t stack_base;
  uint64_t stack_limit;
  uint64_t first_ssa_gpr;
  uint64_t stack_guard; /* at FS:0x28, where gcc expects it */
  uint64_t flags;
  uint64_t xsave_size;
  uint64_t last_error;
  uint64_t aex_mitigation_list;
  uint64_t aex_notify_flag;
  uint64_t first_ssa_xsave;
  uint64_t next;
  uint64_t tls_address;
  uint64_t tls_array;
  int64_t exception_flag; /* negative: a handler search failed, the next exception of this thread is final */
  uint64_t cxx_thread_info[6];
  uint64_t stack_commit;
  uint64_t aex_notify_entropy;
};

union layout {
  struct {
    uint16_t id;
    uint16_t attributes;
    uint32_t page_count;
    uint64_t rva;
    uint32_t content_size;
    uint32_t content_offset;
    uint64_t si_flags;
  } entry;
  struct {
    uint16_t id;
    uint16_t entry_count;
    uint32_t load_times;
    uint64_t load_step;
    uint32_t reserved[4];
  } group;
};

enum {
  LAYOUT_HEAP_MIN = 1, LAYOUT_HEAP_MAX = 3, LAYOUT_TCS_DYN = 14, LAYOUT_STACK_DYN_MIN = 18, LAYOUT_THREAD_GROUP_DYN = 1 << 12 | 19,
  LAYOUT_ENTRIES = 43, TCS_POLICY_BIND = 0,
};

struct global_data {
  uint64_t sdk_version; /* major << 32 | minor << 16 | revision: the revision of this structure */
  uint64_t enclave_size;
  uint64_t heap_offset;
  uint64_t heap_size;
  uint64_t reserved_offset;
  uint64_t reserved_size;
  uint64_t reserved_executable;
  uint64_t thread_policy;
  uint64_t tcs_max;
  uint64_t tcs_count;
  struct thread_data thread_template;
  uint8_t tcs_template[72];
  uint32_t layout_count;
  uint32_t reserved;
  union layout layouts[LAYOUT_ENTRIES];
  uint64_t enclave_image_address; /* with elrange_*: the image does not start the enclave's range; else zeroes */
  uint64_t elrange_start;
  uint64_t elrange_size;
  uint64_t edmm_overhead;
  uint32_t fips;
  uint32_t reserved2;
};

/* What ECMD_INIT_ENCLAVE points to, outside (rts.h: system_features_t, packed). */
struct __attribute__((packed)) system_features {
  uint64_t cpu_features;
  uint32_t version;
  uint64_t features; /* bit 0: the host supports dynamic memory (EDMM) */
  uint32_t cpuid[8][4];
  uint64_t sealed_key;
  uint64_t size;
  uint64_t cpu_features_ext;
  uint32_t cpu_cores;
};

enum { SDK_VERSION_3_0 = 5 };

/* The tables that edger8r, or an enclave's bridges by hand, define. */
struct ecall_table {
  size_t count;
  struct {
    enum sgx_status (*bridge)(void *argument);
    uint8_t is_private;
    uint8_t is_switchless;
  } ecalls[];
};

struct entry_table {
  size_t count;        /* of OCALLs */
  uint8_t allowed[];   /* [OCALL][ECALL]: 1 if this ECALL may be made while that OCALL is outside */
};

extern const struct ecall_table g_ecall_table;
extern const struct entry_table g_dyn_entry_table;

/* Lies on the trusted stack while an OCALL is outside; made and taken apart in entry.S. */
struct ocall_frame {
  uint64_t previous; /* td.last_sp before */
  uint32_t index;
  uint32_t mark; /* OCALL_FRAME_MARK */
  uint32_t mxcsr;
  uint16_t x87_control;
  uint16_t reserved;
  uint64_t r15, r14, r13, r12, rbx, rbp, return_address;
};

/* Directly below td.last_sp while an entry is being served. */
struct entry_frame {
  uint64_t host_rsp, host_rbp, return_address;
};

extern struct global_data g_global_data;
extern uint64_t encl_xfrm_mask;

static inline struct thread_data *this_thread(void) {
  struct thread_data *self;
  __asm__("mov %%gs:0, %0" : "=r"(self));
  return self;
}

/* Whether [address, address + size) lies on this thread's stack. */
static inline bool on_stack(const struct thread_data *td, uint64_t address, uint64_t size) {
  return address >= td->stack_limit && address <= td->stack_base && size <= td->stack_base - address;
}

enum sgx_status encl_leave_for_ocall(unsigned index, void *argument);
__attribute__((noreturn)) void encl_return_from_ocall(struct ocall_frame *frame, enum sgx_status status);
void encl_second_phase(void);

enum sgx_status encl_oret(enum sgx_status status);
enum sgx_status encl_first_phase(void *tcs);
void encl_heap_init(void *base, size_t size);
uintptr_t encl_range_base(void);
enum sgx_status encl_make_thread(const void *argument);

#define OFFSET(type, member, offset) _Static_assert(offsetof(type, member) == (offset), #type "." #member)
_Static_assert(sizeof(struct thread_data) == 192, "thread_data");
_Static_assert(sizeof(union layout) == 32, "layout");
_Static_assert(sizeof(struct global_data) == 1768, "global_data");
_Static_assert(sizeof(struct system_features) == 176, "system_features");
_Static_assert(sizeof(struct ssa_gpr) == 184, "ssa_gpr");
_Static_assert(sizeof(struct ocall_frame) == 80, "ocall_frame");
OFFSET(struct thread_data, last_sp, TD_LAST_SP);
OFFSET(struct thread_data, first_ssa_gpr, TD_FIRST_SSA_GPR);
OFFSET(struct thread_data, stack_guard, 0x28);
OFFSET(struct ssa_gpr, ursp, SSA_URSP);
OFFSET(struct ssa_gpr, urbp, SSA_URBP);
OFFSET(struct encl_registers, r15, REG_R15);
OFFSET(struct encl_registers, rip, REG_RIP);
OFFSET(struct encl_exception, xsave, EXCEPTION_XSAVE);

#endif
