/*
 * Dynamic memory. Two OCALLs with numbers of their own, below those of any EDL, ask the host; ENCLU does the rest.
 * Names and structures are those of the Intel SDK's runtime (sgx-emm), since hosts know those.
 */
#include "pages.h"

#include "edge.h"
#include "layout.h"

enum { OCALL_MAP = -6, OCALL_MODIFY = -7, PERMISSIONS = PAGE_READ | PAGE_WRITE | PAGE_EXECUTE };

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

struct request {
  int32_t result;
  uint64_t address, size;
  uint32_t before, after;
};

static bool ask(int which, void *address, size_t size, uint64_t before, uint64_t after) {
  struct request request = {-1, (uint64_t)address, size, (uint32_t)before, (uint32_t)after};
  struct request *outside = sgx_ocalloc(sizeof request);
  memcpy(outside, &request, sizeof request);
  enum sgx_status status = encl_leave_for_ocall((unsigned)which, outside);
  int32_t result = ((volatile struct request *)outside)->result;
  sgx_ocfree();
  return status == SGX_SUCCESS && result == 0;
}

void *encl_later(size_t *size) {
  const struct global_data *data = &g_global_data;
  for (uint32_t i = 0; i < data->layout_count && i < LAYOUT_ENTRIES; i++) {
    if (data->layouts[i].entry.id == LAYOUT_HEAP_MAX) {
      *size = (size_t)data->layouts[i].entry.page_count * PAGE_BYTES;
      return (void *)(__ehdr_start + data->layouts[i].entry.rva);
    }
  }
  *size = 0;
  return NULL;
}

unsigned encl_accept(void *page, uint64_t flags) {
  uint64_t secinfo[8] __attribute__((aligned(64))) = {flags};
  uint64_t result = ENCLU_EACCEPT;
  __asm__ volatile("enclu" : "+a"(result) : "b"(secinfo), "c"(page) : "memory", "cc");
  return (unsigned)result;
}

void encl_extend(void *page, uint64_t flags) {
  uint64_t secinfo[8] __attribute__((aligned(64))) = {flags};
  __asm__ volatile("enclu" ::"a"(ENCLU_EMODPE), "b"(secinfo), "c"(page) : "memory", "cc");
}

static bool accept(void *address, size_t size, uint64_t flags) {
  for (char *page = address, *end = page + size; page < end; page += PAGE_BYTES) {
    if (encl_accept(page, flags)) {
      return false;
    }
  }
  return true;
}

bool encl_map(void *address, size_t size) {
  return encl_dynamic() && sgx_is_within_enclave(address, size) && ask(OCALL_MAP, address, size, PAGE_REG, 0);
}

bool encl_commit(void *address, size_t size) {
  return encl_map(address, size) && accept(address, size, PAGE_REG | PAGE_READ | PAGE_WRITE | PAGE_PENDING);
}

bool encl_restrict(void *address, size_t size, uint64_t before, uint64_t after) {
  return encl_dynamic() && ask(OCALL_MODIFY, address, size, PAGE_REG | before, PAGE_REG | after) &&
         accept(address, size, PAGE_REG | PAGE_RESTRICTED | after);
}

bool encl_trim(void *address, size_t size, uint64_t permissions) {
  uint64_t trimmed = PAGE_TRIM | (permissions & PERMISSIONS);
  return encl_dynamic() && ask(OCALL_MODIFY, address, size, PAGE_REG | (permissions & PERMISSIONS), trimmed) &&
         accept(address, size, PAGE_TRIM | PAGE_MODIFIED) && ask(OCALL_MODIFY, address, size, trimmed, trimmed);
}

/* ---- Threads: the layout has one template for those that are made later, and how often it is repeated. ---- */

static bool make_at(uint64_t delta) {
  const struct global_data *data = &g_global_data;
  struct thread_page {
    uint64_t state, flags, ossa, cssa, oentry, aep, ofs_base, ogs_base, limits;
  } *tcs = NULL;
  for (uint32_t i = 0; i < data->layout_count && i < LAYOUT_ENTRIES; i++) {
    const union layout *item = &data->layouts[i];
    if (item->entry.id >= LAYOUT_TCS_DYN && item->entry.id <= LAYOUT_STACK_DYN_MIN) {
      char *address = (char *)__ehdr_start + item->entry.rva + delta;
      if (!encl_commit(address, (size_t)item->entry.page_count * PAGE_BYTES)) {
        return false;
      }
      if (item->entry.id == LAYOUT_TCS_DYN) {
        tcs = (struct thread_page *)address;
      }
    }
  }
  if (!tcs) {
    return false;
  }
  uint64_t offset = (uint64_t)tcs - encl_range_base();
  memcpy(tcs, data->tcs_template, sizeof *tcs);
  tcs->ossa += offset;
  tcs->ofs_base += offset;
  tcs->ogs_base += offset;
  uint64_t before = PAGE_READ | PAGE_WRITE;
  return ask(OCALL_MODIFY, tcs, PAGE_BYTES, PAGE_REG | before, PAGE_TCS | before) &&
         encl_accept(tcs, PAGE_TCS | PAGE_MODIFIED) == 0;
}

/* Whether a TCS is one of those that can be made: then where it is, beyond the template's. */
static bool find(uint64_t tcs, uint64_t *delta) {
  const struct global_data *data = &g_global_data;
  uint64_t first = 0;
  for (uint32_t i = 0; i < data->layout_count && i < LAYOUT_ENTRIES; i++) {
    const union layout *item = &data->layouts[i];
    if (item->entry.id == LAYOUT_TCS_DYN) {
      first = (uint64_t)__ehdr_start + item->entry.rva;
      if (tcs == first) {
        *delta = 0;
        return true;
      }
    }
    if (item->group.id == LAYOUT_THREAD_GROUP_DYN && first && item->group.load_step) {
      uint64_t distance = tcs - first;
      *delta = distance;
      return distance % item->group.load_step == 0 && distance / item->group.load_step <= item->group.load_times;
    }
  }
  return false;
}

/* ECMD_MAKE_TCS: the host wants one of the threads to be that the enclave can have. */
enum sgx_status encl_make_thread(const void *argument) {
  static struct encl_lock lock;
  uint64_t tcs, delta;
  if (!argument || !sgx_is_outside_enclave(argument, sizeof tcs)) {
    return SGX_ERROR_INVALID_PARAMETER;
  }
  encl_fence();
  memcpy(&tcs, argument, sizeof tcs);
  if (!encl_dynamic() || !find(tcs, &delta)) {
    return SGX_ERROR_INVALID_PARAMETER;
  }
  encl_lock(&lock);
  bool made = make_at(delta);
  encl_unlock(&lock);
  return made ? SGX_SUCCESS : SGX_ERROR_OUT_OF_MEMORY;
}
