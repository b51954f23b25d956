/* Bridges and proxies for chatty.edl, in its order. */
#include "edge.h"

#include "chatty.h"

EDGE_VALUES(tick, uint64_t, , tick())
EDGE_VALUES(copy, uint64_t, uint64_t n;, copy(ms.n))
EDGE_VALUES(stamp, uint64_t, uint64_t rounds;, stamp(ms.rounds))
EDGE_VALUES(convert, uint64_t, uint64_t items;, convert(ms.items))
EDGE_VALUES(copy_all, uint64_t, uint64_t n;, copy_all(ms.n))

ECALL_TABLE({tick_bridge, 0, 0}, {copy_bridge, 0, 0}, {stamp_bridge, 0, 0}, {convert_bridge, 0, 0},
            {copy_all_bridge, 0, 0});

enum { PUT, NOW, SETTING, PUT_ALL, OCALLS };
enum { ECALLS = 5 };

enum sgx_status ocall_put(uint64_t value) {
  struct ocall call = {0};
  struct {
    uint64_t value;
  } ms = {value};
  return ocall_make(&call, PUT, &ms, sizeof ms);
}

enum sgx_status ocall_now(uint64_t *result) {
  struct ocall call = {0};
  struct {
    uint64_t result;
  } ms = {0};
  enum sgx_status status = ocall_make(&call, NOW, &ms, sizeof ms);
  *result = ms.result;
  return status;
}

enum sgx_status ocall_setting(uint64_t *result, int which) {
  struct ocall call = {0};
  struct {
    uint64_t result;
    int which;
  } ms = {0, which};
  enum sgx_status status = ocall_make(&call, SETTING, &ms, sizeof ms);
  *result = ms.result;
  return status;
}

enum sgx_status ocall_put_all(const uint64_t *values, size_t n) {
  struct ocall call = {0};
  struct {
    const uint64_t *values;
    size_t n;
  } ms = {ocall_in(&call, values, n * sizeof *values), n};
  return ocall_make(&call, PUT_ALL, &ms, sizeof ms);
}

ENTRY_TABLE(OCALLS, ECALLS, {0});
