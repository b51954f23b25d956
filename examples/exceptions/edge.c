/* Bridges and proxies for exceptions.edl. */
#include "edge.h"

#include "exceptions.h"

EDGE_VALUES(handle, int, int on;, handle(ms.on))
EDGE_VALUES(divide, int, int a; int b;, divide(ms.a, ms.b))
EDGE_VALUES(peek, int, uint64_t address;, peek(ms.address))
EDGE_VALUES(poke, int, uint64_t address; int value;, poke(ms.address, ms.value))
EDGE_VALUES(fail, int, int which;, fail(ms.which))
EDGE_VALUES(fail_twice, int, , fail_twice())
EDGE_VALUES(report_from_handler, int, , report_from_handler())
EDGE_VALUES(exhaust_stack, int, int depth;, exhaust_stack(ms.depth))

static enum sgx_status give_up_bridge(void *outside) {
  if (outside) {
    return SGX_ERROR_INVALID_PARAMETER;
  }
  abort();
}

static enum sgx_status last_bridge(void *outside) {
  struct {
    uint32_t *vector;
    uint32_t *error_code;
    uint64_t *address;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  uint32_t *vector = edge_out(&edge, ms.vector, sizeof *vector, sizeof *vector);
  uint32_t *error_code = edge_out(&edge, ms.error_code, sizeof *error_code, sizeof *error_code);
  uint64_t *address = edge_out(&edge, ms.address, sizeof *address, sizeof *address);
  if (edge_ready(&edge)) {
    last(vector, error_code, address);
  }
  return edge_end(&edge);
}

ECALL_TABLE({handle_bridge, 0, 0}, {divide_bridge, 0, 0}, {peek_bridge, 0, 0}, {poke_bridge, 0, 0},
            {fail_bridge, 0, 0}, {fail_twice_bridge, 0, 0}, {report_from_handler_bridge, 0, 0},
            {exhaust_stack_bridge, 0, 0}, {give_up_bridge, 0, 0}, {last_bridge, 0, 0});

OCALL_PRINT_STRING(0)

ENTRY_TABLE(1, 10, {0});
