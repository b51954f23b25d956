/* Bridges for kernels.edl, and the kernels' memory inside. */
#include "edge.h"

#include "kernels.h"

static void *memory;

/* 0 if the heap has no room. */
static uint64_t prepare(void) {
  if (!memory) {
    memory = malloc(KERNEL_MEMORY + 4096);
  }
  return memory ? kernel_prepare((void *)(((uintptr_t)memory + 4095) & ~4095ul)) : 0;
}

static uint64_t run(uint64_t (*kernel)(uint64_t), uint64_t n) { return memory || prepare() ? kernel(n) : 0; }

EDGE_VALUES(prepare, uint64_t, , prepare())
EDGE_VALUES(sha256, uint64_t, uint64_t n;, run(kernel_sha256, ms.n))
EDGE_VALUES(aes, uint64_t, uint64_t n;, run(kernel_aes, ms.n))
EDGE_VALUES(sort, uint64_t, uint64_t n;, run(kernel_sort, ms.n))
EDGE_VALUES(matrix, uint64_t, uint64_t n;, run(kernel_matrix, ms.n))
EDGE_VALUES(chase, uint64_t, uint64_t n;, run(kernel_chase, ms.n))
EDGE_VALUES(stream, uint64_t, uint64_t n;, run(kernel_stream, ms.n))

ECALL_TABLE({prepare_bridge, 0, 0}, {sha256_bridge, 0, 0}, {aes_bridge, 0, 0}, {sort_bridge, 0, 0},
            {matrix_bridge, 0, 0}, {chase_bridge, 0, 0}, {stream_bridge, 0, 0});

OCALL_PRINT_STRING(0)

ENTRY_TABLE(1, 7, {0});
