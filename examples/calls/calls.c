#include "calls.h"

void nothing(void) {}

int add(int a, int b) { return (int)((unsigned)a + (unsigned)b); }

double scale(double value, float factor) { return value * factor; }

int corners(enum shape shape) { return shape == SQUARE ? 4 : shape == TRIANGLE ? 3 : 0; }

uint32_t reversed_word(union word w) {
  return (uint32_t)w.part[0] << 24 | (uint32_t)w.part[1] << 16 | (uint32_t)w.part[2] << 8 | w.part[3];
}

int dot(struct point a, struct point b) { return a.x * b.x + a.y * b.y; }

int64_t sum(const int32_t *values, size_t n) {
  int64_t total = 0;
  for (size_t i = 0; values && i < n; i++) {
    total += values[i];
  }
  return total;
}

void fill(uint8_t *buffer, size_t n, uint8_t value) {
  if (buffer) {
    memset(buffer, value, n);
  }
}

void reverse(uint8_t *buffer, size_t n) {
  for (size_t i = 0; buffer && i < n / 2; i++) {
    uint8_t byte = buffer[i];
    buffer[i] = buffer[n - 1 - i];
    buffer[n - 1 - i] = byte;
  }
}

/* n little-endian numbers of `width` bytes each, squared where they stand. */
void squares(uint8_t *buffer, size_t width, size_t n) {
  for (size_t i = 0; buffer && width <= sizeof(uint64_t) && i < n; i++) {
    uint64_t value = 0;
    memcpy(&value, buffer + i * width, width);
    value *= value;
    memcpy(buffer + i * width, &value, width);
  }
}

void upper(char *text) {
  for (; text && *text; text++) {
    if (*text >= 'a' && *text <= 'z') {
      *text = (char)(*text - 'a' + 'A');
    }
  }
}

void rotate(int values[4]) {
  int first = values[0];
  memmove(values, values + 1, 3 * sizeof *values);
  values[3] = first;
}

void transpose(int matrix[2][3], int result[3][2]) {
  for (int row = 0; row < 2; row++) {
    for (int column = 0; column < 3; column++) {
      result[column][row] = matrix[row][column]++;
    }
  }
}

/* Nobody has checked this pointer for us, so we do. */
uint64_t look(uint64_t *anywhere) {
  if (!sgx_is_outside_enclave(anywhere, sizeof *anywhere)) {
    return 0;
  }
  encl_fence();
  uint64_t value = *(volatile uint64_t *)anywhere;
  *anywhere = value + 1;
  return value;
}

void mirror(struct point *p) {
  if (p) {
    *p = (struct point){p->y, p->x};
  }
}

void box(const struct point *points, size_t n, struct point *low, struct point *high) {
  for (size_t i = 0; points && low && high && i < n; i++) {
    const struct point *p = &points[i];
    low->x = i && low->x < p->x ? low->x : p->x;
    low->y = i && low->y < p->y ? low->y : p->y;
    high->x = i && high->x > p->x ? high->x : p->x;
    high->y = i && high->y > p->y ? high->y : p->y;
  }
}

uint64_t blob_sum(const struct blob *b) {
  uint64_t total = 0;
  for (size_t i = 0; b && b->bytes && i < b->length; i++) {
    total += b->bytes[i];
  }
  return total;
}

/* Each level adds its depth: nest -> ocall_nested -> inner -> ocall_nested -> … */
int inner(int depth) {
  int below = 0;
  if (depth > 0 && ocall_nested(&below, depth - 1) != SGX_SUCCESS) {
    return -1;
  }
  return below < 0 ? below : depth + below;
}

int nest(int depth) { return inner(depth); }

/* What the host makes of it: it must not be able to call inner from here. Returns its answer, or minus the status. */
int nest_forbidden(int depth) {
  int result = 0;
  enum sgx_status status = ocall_not_nested(&result, depth);
  return status == SGX_SUCCESS ? result : -(int)status;
}

/* Makes every other OCALL of a host that does what their names say, and checks what came back: 0, or what failed. */
int all_ocalls(void) {
  if (ocall_nothing() != SGX_SUCCESS) {
    return 1;
  }
  int total = 0;
  if (ocall_add(&total, 40, 2) != SGX_SUCCESS || total != 42) {
    return 2;
  }
  uint8_t in[16], out[16], both[16];
  for (uint8_t i = 0; i < 16; i++) {
    in[i] = i;
    both[i] = (uint8_t)(100 + i);
  }
  /* The host copies `in` to `out`, and adds it to `both`. */
  if (ocall_buffers(in, out, both, sizeof in) != SGX_SUCCESS) {
    return 3;
  }
  for (uint8_t i = 0; i < 16; i++) {
    if (out[i] != i || both[i] != 100 + 2 * i) {
      return 4;
    }
  }
  char text[] = "shout";
  if (ocall_upper(text) != SGX_SUCCESS || strcmp(text, "SHOUT") != 0) {
    return 5;
  }
  struct point p = {3, 4};
  if (ocall_point(&p) != SGX_SUCCESS || p.x != 4 || p.y != 3) {
    return 6;
  }
  uint64_t seen = 0;
  if (ocall_look(&seen, NULL) != SGX_SUCCESS || seen != 0) {
    return 7;
  }
  int result = 0;
  int error_number = 0;
  if (ocall_fails(&result, &error_number) != SGX_SUCCESS || result != -1 || error_number != 5) {
    return 8;
  }
  return 0;
}

uint64_t repeat_ocall(uint64_t n) {
  uint64_t done = 0;
  for (uint64_t i = 0; i < n; i++) {
    done += ocall_nothing() == SGX_SUCCESS;
  }
  return done;
}
