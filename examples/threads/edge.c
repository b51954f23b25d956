/* Bridges and proxies for threads.edl. */
#include "edge.h"

#include "threads.h"

static enum sgx_status count_locked_bridge(void *outside) {
  struct {
    uint64_t result;
    const char *who;
    size_t who_length;
    uint64_t times;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  const char *who = edge_in_string(&edge, ms.who, ms.who_length);
  if (edge_ready(&edge)) {
    uint64_t result = count_locked(who, ms.times);
    edge_result(&edge, &result, sizeof result);
  }
  return edge_end(&edge);
}

EDGE_VALUES(count_atomic, uint64_t, uint64_t times;, count_atomic(ms.times))
EDGE_VALUES(counted, uint64_t, , counted())
EDGE_VALUES(meet, int, int parties; uint64_t patience;, meet(ms.parties, ms.patience))
EDGE_VALUES(count_own, uint64_t, uint64_t times;, count_own(ms.times))
EDGE_VALUES(leave_and_return, int, uint64_t ticket;, leave_and_return(ms.ticket))

ECALL_TABLE({count_locked_bridge, 0, 0}, {count_atomic_bridge, 0, 0}, {counted_bridge, 0, 0}, {meet_bridge, 0, 0},
            {count_own_bridge, 0, 0}, {leave_and_return_bridge, 0, 0});

OCALL_PRINT_STRING(0)

enum sgx_status ocall_pause(uint64_t ticket) {
  struct ocall call = {0};
  struct {
    uint64_t ticket;
  } ms = {ticket};
  return ocall_make(&call, 1, &ms, sizeof ms);
}

ENTRY_TABLE(2, 6, {0});
