/*
 * The border between enclave and host, as the Intel SDK's edger8r draws it: one structure of arguments ("ms") lies
 * outside; ECALL bridges copy it and what it points to in, OCALL proxies copy arguments out onto the host's stack.
 * The structure holds, in this order: the result if there is one, for an OCALL with propagate_errno an `int` errno,
 * then the parameters; a parameter [in, string] of an ECALL is followed by a size_t, its length with the final zero.
 *
 * A bridge reads like this, for `public int measure([in, string] const char* text, [out] struct size* size);`
 *
 *   enum sgx_status measure_bridge(void *outside) {
 *     struct { int result; const char *text; size_t text_length; struct size *size; } ms;
 *     struct edge edge = edge_begin(outside, &ms, sizeof ms);
 *     const char *text = edge_in_string(&edge, ms.text, ms.text_length);
 *     struct size *size = edge_out(&edge, ms.size, sizeof *size, sizeof *size);
 *     if (edge_ready(&edge)) {
 *       int result = measure(text, size);
 *       edge_result(&edge, &result, sizeof result);
 *     }
 *     return edge_end(&edge);
 *   }
 */
#ifndef ENCL_EDGE_H
#define ENCL_EDGE_H

#include "encl.h"

/* ---- What edger8r's code and hosts know by name ---- */

/* Leaves for the OCALL with this number; returns what the host's side said. */
enum sgx_status sgx_ocall(unsigned index, void *argument);
/* Takes room on the host's stack; all of it is given back by sgx_ocfree, or when the ECALL returns. Ends the enclave if
 * the host's stack pointer is not the host's. */
void *sgx_ocalloc(size_t size);
void sgx_ocfree(void);

/* The ECALLs by number. Defined once in every enclave. */
#define ECALL_TABLE(...)                                                                      \
  const struct { size_t count; struct ecall ecalls[sizeof((struct ecall[]){__VA_ARGS__}) /     \
                                                 sizeof(struct ecall)]; } g_ecall_table = {    \
      sizeof((struct ecall[]){__VA_ARGS__}) / sizeof(struct ecall), {__VA_ARGS__}}
struct ecall {
  enum sgx_status (*bridge)(void *outside);
  uint8_t is_private;
  uint8_t is_switchless;
};

/* For every OCALL the ECALLs it allows: ENTRY_TABLE(ocalls, ecalls, {1, 0}, {0, 0}). Defined once in every enclave. */
#define ENTRY_TABLE(ocalls, ecalls_, ...) \
  const struct { size_t count; uint8_t allowed[ocalls][ecalls_]; } g_dyn_entry_table = {ocalls, {__VA_ARGS__}}

/* ---- Serving an ECALL. One without parameters and result has no structure: its bridge gets NULL. ---- */

enum { EDGE_BUFFERS = 8 };

struct edge_buffer {
  void *inside;
  void *outside;
  size_t size;
  bool copy_back;
  bool is_string;
};

struct edge {
  enum sgx_status status; /* the first thing that went wrong */
  unsigned count;
  void *outside;
  struct edge_buffer buffers[EDGE_BUFFERS];
};

/* Copies the argument structure in, if it is outside as it must be. */
struct edge edge_begin(void *outside, void *ms, size_t size);

/*
 * A buffer of `size` bytes, a multiple of `unit`, checked to be outside. Returns a copy on the heap (`out`: zeroes), or
 * NULL if the host passed NULL, or nothing, or when something has gone wrong. `out` and `inout` are copied back in the
 * end.
 */
void *edge_in(struct edge *edge, const void *outside, size_t size, size_t unit);
void *edge_out(struct edge *edge, void *outside, size_t size, size_t unit);
void *edge_inout(struct edge *edge, void *outside, size_t size, size_t unit);
/* Text of `size` bytes with its final zero, which must be the only one. */
char *edge_in_string(struct edge *edge, const char *outside, size_t size);
char *edge_inout_string(struct edge *edge, char *outside, size_t size);
/* size * count for the attributes of that name; too large is an invalid parameter. */
size_t edge_product(struct edge *edge, size_t size, size_t count);
/* Whether the function may be called now. */
bool edge_ready(const struct edge *edge);
/* Stores the function's result as the first member of the structure outside. */
void edge_result(struct edge *edge, const void *result, size_t size);
/* Copies back, gives the copies up, and says what the host is to be told. */
enum sgx_status edge_end(struct edge *edge);

/* Defines name_bridge for an ECALL with a result whose parameters are all values (or user_check pointers):
 * EDGE_VALUES(add, int, int a; int b;, add(ms.a, ms.b)). */
#define EDGE_VALUES(name, type, members, call)                \
  static enum sgx_status name##_bridge(void *outside) {       \
    struct {                                                  \
      type result;                                            \
      members                                                 \
    } ms;                                                     \
    struct edge edge = edge_begin(outside, &ms, sizeof ms);   \
    if (edge_ready(&edge)) {                                  \
      type result = call;                                     \
      edge_result(&edge, &result, sizeof result);             \
    }                                                         \
    return edge_end(&edge);                                   \
  }

/* ---- Making an OCALL ---- */

struct ocall {
  enum sgx_status status;
  unsigned count;
  struct edge_buffer buffers[EDGE_BUFFERS];
};

/* Room on the host's stack for a buffer that lies within the enclave; NULL for NULL. */
void *ocall_in(struct ocall *call, const void *inside, size_t size);
void *ocall_out(struct ocall *call, void *inside, size_t size);
void *ocall_inout(struct ocall *call, void *inside, size_t size);
char *ocall_in_string(struct ocall *call, const char *inside);
char *ocall_inout_string(struct ocall *call, char *inside);
/* Makes the call with a copy of `ms` outside, then copies results into `ms` and the buffers. Frees the host's stack. */
enum sgx_status ocall_make(struct ocall *call, unsigned index, void *ms, size_t size);

/* Defines the proxy of `void ocall_print_string([in, string] const char* text)`, which encl_printf needs. */
#define OCALL_PRINT_STRING(index)                              \
  enum sgx_status ocall_print_string(const char *text) {       \
    struct ocall call = {0};                                   \
    struct {                                                   \
      const char *text;                                        \
    } ms = {ocall_in_string(&call, text)};                     \
    return ocall_make(&call, index, &ms, sizeof ms);           \
  }

#endif
