/* Bridges and proxies for dynamic.edl. */
#include "edge.h"

#include "dynamic.h"

EDGE_VALUES(can, int, , can())
EDGE_VALUES(grow, int64_t, uint64_t pages;, grow(ms.pages))
EDGE_VALUES(commit, int64_t, uint64_t pages;, commit(ms.pages))
EDGE_VALUES(sum, int64_t, , sum())
EDGE_VALUES(trim, int64_t, uint64_t pages;, trim(ms.pages))
EDGE_VALUES(protect, int64_t, uint64_t page;, protect(ms.page))
EDGE_VALUES(meet, int, int parties; uint64_t patience;, meet(ms.parties, ms.patience))

ECALL_TABLE({can_bridge, 0, 0}, {grow_bridge, 0, 0}, {commit_bridge, 0, 0}, {sum_bridge, 0, 0}, {trim_bridge, 0, 0},
            {protect_bridge, 0, 0}, {meet_bridge, 0, 0});

OCALL_PRINT_STRING(0)

ENTRY_TABLE(1, 7, {0});
