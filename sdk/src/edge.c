/* Copying over the border. Nothing outside is read twice: the host may change it at any time. */
#include "edge.h"

#include "layout.h"

static void fail(enum sgx_status *status, enum sgx_status with) {
  if (*status == SGX_SUCCESS) {
    *status = with;
  }
}

/* ---- Serving an ECALL ---- */

struct edge edge_begin(void *outside, void *ms, size_t size) {
  struct edge edge = {.outside = outside};
  memset(ms, 0, size);
  if (!outside || !sgx_is_outside_enclave(outside, size)) {
    edge.status = SGX_ERROR_INVALID_PARAMETER;
  } else {
    encl_fence();
    memcpy(ms, outside, size);
  }
  return edge;
}

static void *take(struct edge *edge, void *outside, size_t size, size_t unit, bool copy_in, bool copy_back) {
  if (edge->status != SGX_SUCCESS || !outside) {
    return NULL;
  }
  if (!sgx_is_outside_enclave(outside, size) || size % unit != 0) {
    edge->status = SGX_ERROR_INVALID_PARAMETER;
    return NULL;
  }
  encl_fence();
  if (size == 0) {
    return NULL;
  }
  void *inside = edge->count < EDGE_BUFFERS ? calloc(1, size) : NULL;
  if (!inside) {
    edge->status = SGX_ERROR_OUT_OF_MEMORY;
    return NULL;
  }
  if (copy_in) {
    memcpy(inside, outside, size);
  }
  edge->buffers[edge->count++] = (struct edge_buffer){inside, outside, size, copy_back, false};
  return inside;
}

void *edge_in(struct edge *edge, const void *outside, size_t size, size_t unit) {
  return take(edge, (void *)outside, size, unit, true, false);
}

void *edge_out(struct edge *edge, void *outside, size_t size, size_t unit) {
  return take(edge, outside, size, unit, false, true);
}

void *edge_inout(struct edge *edge, void *outside, size_t size, size_t unit) {
  return take(edge, outside, size, unit, true, true);
}

static char *take_string(struct edge *edge, char *outside, size_t size, bool copy_back) {
  char *text = take(edge, outside, size, 1, true, copy_back);
  if (text) {
    edge->buffers[edge->count - 1].is_string = true;
    text[size - 1] = 0;
    if (strlen(text) + 1 != size) {
      edge->status = SGX_ERROR_UNEXPECTED;
    }
  }
  return text;
}

char *edge_in_string(struct edge *edge, const char *outside, size_t size) {
  return take_string(edge, (char *)outside, size, false);
}

char *edge_inout_string(struct edge *edge, char *outside, size_t size) {
  return take_string(edge, outside, size, true);
}

size_t edge_product(struct edge *edge, size_t size, size_t count) {
  size_t product;
  if (__builtin_mul_overflow(size, count, &product)) {
    fail(&edge->status, SGX_ERROR_INVALID_PARAMETER);
    return 0;
  }
  return product;
}

bool edge_ready(const struct edge *edge) { return edge->status == SGX_SUCCESS; }

void edge_result(struct edge *edge, const void *result, size_t size) { memcpy(edge->outside, result, size); }

enum sgx_status edge_end(struct edge *edge) {
  for (unsigned i = 0; i < edge->count; i++) {
    struct edge_buffer *buffer = &edge->buffers[i];
    if (buffer->copy_back && edge->status == SGX_SUCCESS) {
      if (buffer->is_string) {
        ((char *)buffer->inside)[buffer->size - 1] = 0;
        buffer->size = strlen(buffer->inside) + 1;
      }
      memcpy(buffer->outside, buffer->inside, buffer->size);
    }
    free(buffer->inside);
  }
  return edge->status;
}

/* ---- Making an OCALL ---- */

static void *give(struct ocall *call, void *inside, size_t size, bool copy_out, bool copy_back) {
  if (call->status != SGX_SUCCESS || !inside) {
    return NULL;
  }
  if (!sgx_is_within_enclave(inside, size) || call->count == EDGE_BUFFERS) {
    call->status = SGX_ERROR_INVALID_PARAMETER;
    return NULL;
  }
  void *outside = sgx_ocalloc(size);
  if (copy_out) {
    memcpy(outside, inside, size);
  } else {
    memset(outside, 0, size);
  }
  call->buffers[call->count++] = (struct edge_buffer){inside, outside, size, copy_back, false};
  return outside;
}

void *ocall_in(struct ocall *call, const void *inside, size_t size) {
  return give(call, (void *)inside, size, true, false);
}

void *ocall_out(struct ocall *call, void *inside, size_t size) { return give(call, inside, size, false, true); }

void *ocall_inout(struct ocall *call, void *inside, size_t size) { return give(call, inside, size, true, true); }

char *ocall_in_string(struct ocall *call, const char *inside) {
  return give(call, (char *)inside, inside ? strlen(inside) + 1 : 0, true, false);
}

char *ocall_inout_string(struct ocall *call, char *inside) {
  char *outside = give(call, inside, inside ? strlen(inside) + 1 : 0, true, true);
  if (outside) {
    call->buffers[call->count - 1].is_string = true;
  }
  return outside;
}

enum sgx_status ocall_make(struct ocall *call, unsigned index, void *ms, size_t size) {
  void *outside = give(call, ms, size, true, true);
  if (call->status == SGX_SUCCESS) {
    call->status = sgx_ocall(index, outside);
  }
  for (unsigned i = 0; i < call->count && call->status == SGX_SUCCESS; i++) {
    const struct edge_buffer *buffer = &call->buffers[i];
    if (buffer->copy_back) {
      memcpy(buffer->inside, buffer->outside, buffer->size);
      if (buffer->is_string) {
        ((char *)buffer->inside)[buffer->size - 1] = 0;
      }
    }
  }
  sgx_ocfree();
  return call->status;
}
