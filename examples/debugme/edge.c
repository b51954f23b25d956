/* Bridges and proxies for debugme.edl. */
#include "edge.h"

#include "debugme.h"

EDGE_VALUES(harvest, int, int days;, harvest(ms.days))
EDGE_VALUES(share, int, int apples; int people;, share(ms.apples, ms.people))
EDGE_VALUES(wait_for_release, uint64_t, , wait_for_release())

static enum sgx_status release_bridge(void *outside) {
  if (outside) {
    return SGX_ERROR_INVALID_PARAMETER;
  }
  release();
  return SGX_SUCCESS;
}

ECALL_TABLE({harvest_bridge, 0, 0}, {share_bridge, 0, 0}, {wait_for_release_bridge, 0, 0}, {release_bridge, 0, 0});

OCALL_PRINT_STRING(0)

ENTRY_TABLE(1, 4, {0, 0, 0, 0});
