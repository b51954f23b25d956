/* Bridges and proxies for calls.edl, in its order. */
#include "edge.h"

#include "calls.h"

/* ---- Values ---- */

static enum sgx_status nothing_bridge(void *outside) {
  if (outside) {
    return SGX_ERROR_INVALID_PARAMETER;
  }
  nothing();
  return SGX_SUCCESS;
}

EDGE_VALUES(add, int, int a; int b;, add(ms.a, ms.b))
EDGE_VALUES(scale, double, double value; float factor;, scale(ms.value, ms.factor))
EDGE_VALUES(corners, int, enum shape shape;, corners(ms.shape))
EDGE_VALUES(reversed_word, uint32_t, union word w;, reversed_word(ms.w))
EDGE_VALUES(dot, int, struct point a; struct point b;, dot(ms.a, ms.b))
EDGE_VALUES(nest, int, int depth;, nest(ms.depth))
EDGE_VALUES(nest_forbidden, int, int depth;, nest_forbidden(ms.depth))
EDGE_VALUES(inner, int, int depth;, inner(ms.depth))
EDGE_VALUES(all_ocalls, int, , all_ocalls())
EDGE_VALUES(repeat_ocall, uint64_t, uint64_t n;, repeat_ocall(ms.n))
EDGE_VALUES(look, uint64_t, uint64_t *anywhere;, look(ms.anywhere))

/* Weighs every parameter with its position, so that a swapped or shifted one is noticed. */
EDGE_VALUES(mix, uint64_t,
       char c; int8_t i8; uint8_t u8; int16_t i16; uint16_t u16; int32_t i32; uint32_t u32; int64_t i64; uint64_t u64;
       size_t size; unsigned word; long distance;,
       (uint64_t)ms.c + (uint64_t)(2 * ms.i8) + 3 * ms.u8 + (uint64_t)(4 * ms.i16) + 5 * ms.u16 +
           (uint64_t)(6 * (int64_t)ms.i32) + 7 * (uint64_t)ms.u32 + 8 * (uint64_t)ms.i64 + 9 * ms.u64 +
           10 * ms.size + 11 * (uint64_t)ms.word + 12 * (uint64_t)ms.distance)

/* ---- Buffers ---- */

static enum sgx_status sum_bridge(void *outside) {
  struct {
    int64_t result;
    const int32_t *values;
    size_t n;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  size_t size = edge_product(&edge, sizeof *ms.values, ms.n);
  const int32_t *values = edge_in(&edge, ms.values, size, sizeof *values);
  if (edge_ready(&edge)) {
    int64_t result = sum(values, ms.n);
    edge_result(&edge, &result, sizeof result);
  }
  return edge_end(&edge);
}

static enum sgx_status fill_bridge(void *outside) {
  struct {
    uint8_t *buffer;
    size_t n;
    uint8_t value;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  uint8_t *buffer = edge_out(&edge, ms.buffer, ms.n, 1);
  if (edge_ready(&edge)) {
    fill(buffer, ms.n, ms.value);
  }
  return edge_end(&edge);
}

static enum sgx_status reverse_bridge(void *outside) {
  struct {
    uint8_t *buffer;
    size_t n;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  uint8_t *buffer = edge_inout(&edge, ms.buffer, ms.n, 1);
  if (edge_ready(&edge)) {
    reverse(buffer, ms.n);
  }
  return edge_end(&edge);
}

static enum sgx_status squares_bridge(void *outside) {
  struct {
    uint8_t *buffer;
    size_t width;
    size_t n;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  uint8_t *buffer = edge_inout(&edge, ms.buffer, edge_product(&edge, ms.width, ms.n), 1);
  if (edge_ready(&edge)) {
    squares(buffer, ms.width, ms.n);
  }
  return edge_end(&edge);
}

static enum sgx_status length_bridge(void *outside) {
  struct {
    size_t result;
    const char *text;
    size_t text_length;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  const char *text = edge_in_string(&edge, ms.text, ms.text_length);
  if (edge_ready(&edge)) {
    size_t result = text ? strlen(text) : 0;
    edge_result(&edge, &result, sizeof result);
  }
  return edge_end(&edge);
}

static enum sgx_status upper_bridge(void *outside) {
  struct {
    char *text;
    size_t text_length;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  char *text = edge_inout_string(&edge, ms.text, ms.text_length);
  if (edge_ready(&edge)) {
    upper(text);
  }
  return edge_end(&edge);
}

static enum sgx_status rotate_bridge(void *outside) {
  struct {
    int *values;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  int *values = edge_inout(&edge, ms.values, sizeof(int[4]), sizeof *values);
  if (edge_ready(&edge) && values) {
    rotate(values);
  }
  return edge_end(&edge);
}

static enum sgx_status transpose_bridge(void *outside) {
  struct {
    int *matrix;
    int *result;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  int(*matrix)[3] = edge_inout(&edge, ms.matrix, sizeof(int[2][3]), sizeof(int));
  int(*result)[2] = edge_out(&edge, ms.result, sizeof(int[3][2]), sizeof(int));
  if (edge_ready(&edge) && matrix && result) {
    transpose(matrix, result);
  }
  return edge_end(&edge);
}

/* ---- Structures ---- */

static enum sgx_status mirror_bridge(void *outside) {
  struct {
    struct point *p;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  struct point *p = edge_inout(&edge, ms.p, sizeof *p, sizeof *p);
  if (edge_ready(&edge)) {
    mirror(p);
  }
  return edge_end(&edge);
}

static enum sgx_status box_bridge(void *outside) {
  struct {
    const struct point *points;
    size_t n;
    struct point *low;
    struct point *high;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  const struct point *points =
      edge_in(&edge, ms.points, edge_product(&edge, sizeof *points, ms.n), sizeof *points);
  struct point *low = edge_out(&edge, ms.low, sizeof *low, sizeof *low);
  struct point *high = edge_out(&edge, ms.high, sizeof *high, sizeof *high);
  if (edge_ready(&edge)) {
    box(points, ms.n, low, high);
  }
  return edge_end(&edge);
}

static enum sgx_status blob_sum_bridge(void *outside) {
  struct {
    uint64_t result;
    const struct blob *b;
  } ms;
  struct edge edge = edge_begin(outside, &ms, sizeof ms);
  struct blob *b = edge_in(&edge, ms.b, sizeof *b, sizeof *b);
  if (b) {
    b->bytes = edge_in(&edge, b->bytes, b->length, 1);
  }
  if (edge_ready(&edge)) {
    uint64_t result = blob_sum(b);
    edge_result(&edge, &result, sizeof result);
  }
  return edge_end(&edge);
}

ECALL_TABLE({nothing_bridge, 0, 0}, {add_bridge, 0, 0}, {scale_bridge, 0, 0}, {mix_bridge, 0, 0},
            {corners_bridge, 0, 0}, {reversed_word_bridge, 0, 0}, {dot_bridge, 0, 0}, {sum_bridge, 0, 0},
            {fill_bridge, 0, 0}, {reverse_bridge, 0, 0}, {squares_bridge, 0, 0}, {length_bridge, 0, 0},
            {upper_bridge, 0, 0}, {rotate_bridge, 0, 0}, {transpose_bridge, 0, 0}, {look_bridge, 0, 0},
            {mirror_bridge, 0, 0}, {box_bridge, 0, 0}, {blob_sum_bridge, 0, 0}, {nest_bridge, 0, 0},
            {nest_forbidden_bridge, 0, 0}, {inner_bridge, 1, 0}, {all_ocalls_bridge, 0, 0},
            {repeat_ocall_bridge, 0, 0});

/* ---- OCALLs ---- */

enum { PRINT_STRING, NOTHING, ADD, NESTED, NOT_NESTED, BUFFERS, UPPER, POINT, LOOK, FAILS, OCALLS };
enum { INNER = 21, ECALLS = 24 };

OCALL_PRINT_STRING(PRINT_STRING)

enum sgx_status ocall_nothing(void) { return sgx_ocall(NOTHING, NULL); }

enum sgx_status ocall_add(int *result, int a, int b) {
  struct ocall call = {0};
  struct {
    int result;
    int a;
    int b;
  } ms = {0, a, b};
  enum sgx_status status = ocall_make(&call, ADD, &ms, sizeof ms);
  *result = ms.result;
  return status;
}

static enum sgx_status depth_ocall(unsigned index, int *result, int depth) {
  struct ocall call = {0};
  struct {
    int result;
    int depth;
  } ms = {0, depth};
  enum sgx_status status = ocall_make(&call, index, &ms, sizeof ms);
  *result = ms.result;
  return status;
}

enum sgx_status ocall_nested(int *result, int depth) { return depth_ocall(NESTED, result, depth); }

enum sgx_status ocall_not_nested(int *result, int depth) { return depth_ocall(NOT_NESTED, result, depth); }

enum sgx_status ocall_buffers(const uint8_t *in, uint8_t *out, uint8_t *both, size_t n) {
  struct ocall call = {0};
  struct {
    const uint8_t *in;
    uint8_t *out;
    uint8_t *both;
    size_t n;
  } ms = {ocall_in(&call, in, n), ocall_out(&call, out, n), ocall_inout(&call, both, n), n};
  return ocall_make(&call, BUFFERS, &ms, sizeof ms);
}

enum sgx_status ocall_upper(char *text) {
  struct ocall call = {0};
  struct {
    char *text;
  } ms = {ocall_inout_string(&call, text)};
  return ocall_make(&call, UPPER, &ms, sizeof ms);
}

enum sgx_status ocall_point(struct point *p) {
  struct ocall call = {0};
  struct {
    struct point *p;
  } ms = {ocall_inout(&call, p, sizeof *p)};
  return ocall_make(&call, POINT, &ms, sizeof ms);
}

enum sgx_status ocall_look(uint64_t *result, void *anywhere) {
  struct ocall call = {0};
  struct {
    uint64_t result;
    void *anywhere;
  } ms = {0, anywhere};
  enum sgx_status status = ocall_make(&call, LOOK, &ms, sizeof ms);
  *result = ms.result;
  return status;
}

enum sgx_status ocall_fails(int *result, int *error_number) {
  struct ocall call = {0};
  struct {
    int result;
    int error_number;
  } ms = {0};
  enum sgx_status status = ocall_make(&call, FAILS, &ms, sizeof ms);
  *result = ms.result;
  *error_number = ms.error_number;
  return status;
}

ENTRY_TABLE(OCALLS, ECALLS, [NESTED] = {[INNER] = 1});
