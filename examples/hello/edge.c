/* Bridges for hello.edl. */
#include "edge.h"

#include "hello.h"

static enum sgx_status hello_bridge(void *outside) {
  struct {
    int result;
    const char *name;
    size_t name_length;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  const char *name = edge_in_string(&edge, ms.name, ms.name_length);
  if (edge_ready(&edge)) {
    int result = hello(name);
    edge_result(&edge, &result, sizeof result);
  }
  return edge_end(&edge);
}

ECALL_TABLE({hello_bridge, 0, 0});

OCALL_PRINT_STRING(0)

ENTRY_TABLE(1, 1, {0});
