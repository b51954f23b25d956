#include "kernels.h"

enum {
  LINES = 32 << 20 >> 6, /* of 64 bytes, for chase */
  STREAM = 7 << 20 >> 3, /* numbers in each of stream's arrays */
  NUMBERS = 65536,
  SIDE = 96,
};

/* The whole memory; the parts do not overlap, so that one kernel does not disturb another's checksum. */
static struct work {
  struct {
    uint64_t next;
    uint64_t rest[7];
  } lines[LINES];
  double a[STREAM], b[STREAM], c[STREAM];
  uint32_t numbers[NUMBERS];
  double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];
  uint32_t page[1024];
  uint8_t sbox[256];
} *work;

_Static_assert(sizeof(struct work) <= KERNEL_MEMORY, "KERNEL_MEMORY");

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* FIPS 197, 5.1.1: the inverse in GF(2^8), then the affine map. */
static void fill_sbox(void) {
  uint8_t p = 1;
  uint8_t q = 1;
  do {
    p = (uint8_t)(p ^ p << 1 ^ (p & 0x80 ? 0x1b : 0));
    q ^= (uint8_t)(q << 1);
    q ^= (uint8_t)(q << 2);
    q ^= (uint8_t)(q << 4);
    if (q & 0x80) {
      q ^= 0x09;
    }
    uint8_t x = (uint8_t)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4));
    work->sbox[p] = x ^ 0x63;
  } while (p != 1);
  work->sbox[0] = 0x63;
}

uint64_t kernel_prepare(void *memory) {
  work = memory;
  uint64_t random = 88172645463325252u;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < LINES; i++) {
    work->lines[i].next = i;
  }
  for (uint32_t i = LINES - 1; i > 0; i--) { /* Sattolo: one single cycle through all lines */
    uint32_t k = (uint32_t)(next_random(&random) % i);
    uint64_t line = work->lines[i].next;
    work->lines[i].next = work->lines[k].next;
    work->lines[k].next = line;
    sum = sum * 31 + line;
  }
  for (uint32_t i = 0; i < STREAM; i++) {
    work->a[i] = 0;
    work->b[i] = i;
    work->c[i] = 1;
  }
  for (uint32_t i = 0; i < SIDE * SIDE; i++) {
    work->left[i / SIDE][i % SIDE] = (double)(i % 7);
    work->right[i / SIDE][i % SIDE] = (double)(i % 11);
  }
  for (uint32_t i = 0; i < 1024; i++) {
    work->page[i] = i;
  }
  fill_sbox();
  return sum;
}

/* ---- SHA-256, FIPS 180-4 ---- */

static const uint32_t sha_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t sha_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t right(uint32_t x, unsigned by) { return x >> by | x << (32 - by); }

static void sha_block(uint32_t state[8], const uint32_t words[16]) {
  uint32_t w[64];
  for (unsigned i = 0; i < 16; i++) {
    w[i] = words[i];
  }
  for (unsigned i = 16; i < 64; i++) {
    uint32_t s0 = right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (unsigned i = 0; i < 64; i++) {
    uint32_t one = h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + sha_constants[i] + w[i];
    uint32_t two = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + one;
    d = c;
    c = b;
    b = a;
    a = one + two;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

uint64_t kernel_sha256(uint64_t n) {
  uint32_t state[8];
  for (unsigned i = 0; i < 8; i++) {
    work->page[i] = i;
    state[i] = sha_start[i];
  }
  for (uint64_t round = 0; round < n; round++) {
    for (unsigned i = 0; i < 8; i++) {
      state[i] = sha_start[i];
    }
    for (unsigned block = 0; block < 64; block++) {
      sha_block(state, work->page + 16 * block);
    }
    uint32_t padding[16] = {[0] = 0x80000000, [15] = 4096 * 8};
    sha_block(state, padding);
    for (unsigned i = 0; i < 8; i++) {
      work->page[i] = state[i];
    }
  }
  return (uint64_t)state[0] << 32 | state[1];
}

/* ---- AES-128, FIPS 197 ---- */

static uint8_t doubled(uint8_t x) { return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0)); }

static void aes_expand(uint8_t keys[176]) {
  uint8_t constant = 1;
  for (unsigned i = 16; i < 176; i += 4) {
    uint8_t t[4] = {keys[i - 4], keys[i - 3], keys[i - 2], keys[i - 1]};
    if (i % 16 == 0) {
      uint8_t first = t[0];
      t[0] = work->sbox[t[1]] ^ constant;
      t[1] = work->sbox[t[2]];
      t[2] = work->sbox[t[3]];
      t[3] = work->sbox[first];
      constant = doubled(constant);
    }
    for (unsigned k = 0; k < 4; k++) {
      keys[i + k] = keys[i - 16 + k] ^ t[k];
    }
  }
}

static void aes_block(uint8_t s[16], const uint8_t keys[176]) {
  for (unsigned i = 0; i < 16; i++) {
    s[i] ^= keys[i];
  }
  for (unsigned round = 1; round <= 10; round++) {
    uint8_t t[16];
    for (unsigned i = 0; i < 16; i++) { /* SubBytes and ShiftRows */
      t[i] = work->sbox[s[(i + 4 * (i % 4)) % 16]];
    }
    for (unsigned c = 0; c < 16; c += 4) { /* MixColumns, but not in the last round */
      uint8_t all = t[c] ^ t[c + 1] ^ t[c + 2] ^ t[c + 3];
      for (unsigned k = 0; k < 4; k++) {
        uint8_t mixed = (uint8_t)(t[c + k] ^ all ^ doubled(t[c + k] ^ t[c + (k + 1) % 4]));
        s[c + k] = (round < 10 ? mixed : t[c + k]) ^ keys[16 * round + c + k];
      }
    }
  }
}

uint64_t kernel_aes(uint64_t n) {
  uint8_t keys[176];
  uint8_t state[16];
  for (unsigned i = 0; i < 16; i++) { /* FIPS 197, appendix C.1 */
    keys[i] = (uint8_t)i;
    state[i] = (uint8_t)(i * 0x11);
  }
  aes_expand(keys);
  for (uint64_t i = 0; i < 256 * n; i++) {
    aes_block(state, keys);
  }
  uint64_t sum = 0;
  for (unsigned i = 0; i < 8; i++) {
    sum = sum << 8 | (uint8_t)(state[i] ^ state[i + 8]);
  }
  return sum;
}

/* ---- Heap sort ---- */

static void sift(uint32_t *heap, uint32_t at, uint32_t end) {
  uint32_t value = heap[at];
  for (uint32_t child = 2 * at + 1; child < end; child = 2 * at + 1) {
    if (child + 1 < end && heap[child + 1] > heap[child]) {
      child++;
    }
    if (heap[child] <= value) {
      break;
    }
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
}

uint64_t kernel_sort(uint64_t n) {
  uint32_t *numbers = work->numbers;
  uint64_t random = 2463534242u;
  uint64_t sum = 0;
  for (uint64_t round = 0; round < n; round++) {
    for (uint32_t i = 0; i < NUMBERS; i++) {
      numbers[i] = (uint32_t)next_random(&random);
    }
    for (uint32_t i = NUMBERS / 2; i-- > 0;) {
      sift(numbers, i, NUMBERS);
    }
    for (uint32_t end = NUMBERS; end-- > 1;) {
      uint32_t largest = numbers[0];
      numbers[0] = numbers[end];
      numbers[end] = largest;
      sift(numbers, 0, end);
    }
    for (uint32_t i = 0; i < NUMBERS; i += 1000) {
      sum = sum * 31 + numbers[i];
    }
  }
  return sum;
}

/* ---- Matrix multiplication ---- */

uint64_t kernel_matrix(uint64_t n) {
  double trace = 0;
  for (uint64_t round = 0; round < n; round++) {
    for (unsigned i = 0; i < SIDE; i++) {
      for (unsigned j = 0; j < SIDE; j++) {
        double sum = 0;
        for (unsigned k = 0; k < SIDE; k++) {
          sum += work->left[i][k] * work->right[k][j];
        }
        work->product[i][j] = sum;
      }
    }
    trace += work->product[round % SIDE][round % SIDE];
  }
  return (uint64_t)trace;
}

/* ---- Memory ---- */

uint64_t kernel_chase(uint64_t n) {
  uint64_t at = 0;
  uint64_t sum = 0;
  for (uint64_t round = 0; round < n; round++) {
    for (unsigned i = 0; i < 65536; i++) {
      at = work->lines[at].next;
    }
    sum = sum * 31 + at;
  }
  return sum;
}

uint64_t kernel_stream(uint64_t n) {
  double *a = work->a;
  const double *b = work->b;
  const double *c = work->c;
  double sum = 0;
  for (uint64_t round = 0; round < n; round++) {
    double factor = (double)(3 + round % 5);
    for (uint32_t i = 0; i < STREAM; i++) {
      a[i] = b[i] + factor * c[i];
    }
    sum += a[round % STREAM];
  }
  return (uint64_t)sum;
}
