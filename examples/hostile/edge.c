/* Bridges for hostile.edl. */
#include "edge.h"

#include "hostile.h"

EDGE_VALUES(attack, int64_t, uint32_t number; uint64_t argument;, attack(ms.number, ms.argument))
EDGE_VALUES(enclu_sites, uint64_t, , enclu_sites())

ECALL_TABLE({attack_bridge, 0, 0}, {enclu_sites_bridge, 0, 0});

OCALL_PRINT_STRING(0)

ENTRY_TABLE(1, 2, {0});
