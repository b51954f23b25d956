/*
 * The heap: blocks side by side, each with its size and its predecessor's, so that free neighbours can be joined.
 * First fit from where the last block was found. Pages that were never handed out are never touched.
 */
#include "layout.h"

struct block {
  size_t size; /* of header and body; bit 0: in use */
  size_t before; /* the size of the block before, 0 for the first */
};

enum { HEADER = sizeof(struct block), USED = 1, LEAST = 2 * HEADER };

static struct encl_lock lock;
static char *heap, *heap_end;
static struct block *next_fit;

static size_t size_of(const struct block *block) { return block->size & ~(size_t)USED; }

static struct block *after(const struct block *block) {
  char *end = (char *)block + size_of(block);
  return end < heap_end ? (struct block *)end : NULL;
}

void encl_heap_init(void *base, size_t size) {
  heap = base;
  heap_end = heap + (size & ~(size_t)(HEADER - 1));
  next_fit = heap < heap_end ? base : NULL;
  if (next_fit) {
    *next_fit = (struct block){.size = (size_t)(heap_end - heap)};
  }
}

/* The block of a pointer that malloc gave out, or the end of the enclave. */
static struct block *block_of(void *body) {
  struct block *block = (struct block *)body - 1;
  bool sound = (char *)block >= heap && (char *)body < heap_end && !((uintptr_t)body & (HEADER - 1));
  if (!sound || !(block->size & USED) || size_of(block) > (size_t)(heap_end - (char *)block)) {
    abort();
  }
  struct block *next = after(block);
  if (next && next->before != size_of(block)) {
    abort();
  }
  return block;
}

static void set_size(struct block *block, size_t size) {
  block->size = size | (block->size & USED);
  struct block *next = after(block);
  if (next) {
    next->before = size;
  }
}

/* Makes a block no longer than asked for, and leaves the rest free. */
static void split(struct block *block, size_t size) {
  size_t rest = size_of(block) - size;
  if (rest >= LEAST) {
    struct block *tail = (struct block *)((char *)block + size);
    *tail = (struct block){.size = rest, .before = size};
    block->size = size | (block->size & USED);
    set_size(tail, rest);
  }
}

void *malloc(size_t size) {
  if (size > SIZE_MAX / 2) {
    return NULL;
  }
  size_t need = (size + HEADER + HEADER - 1) & ~(size_t)(HEADER - 1);
  if (need < LEAST) {
    need = LEAST;
  }
  encl_lock(&lock);
  void *body = NULL;
  struct block *start = next_fit;
  for (struct block *block = start; block && !body;) {
    if (!(block->size & USED) && size_of(block) >= need) {
      split(block, need);
      block->size |= USED;
      next_fit = block;
      body = block + 1;
    }
    block = after(block) ?: (struct block *)heap;
    if (block == start) {
      break;
    }
  }
  encl_unlock(&lock);
  return body;
}

void free(void *body) {
  if (!body) {
    return;
  }
  encl_lock(&lock);
  struct block *block = block_of(body);
  block->size &= ~(size_t)USED;
  struct block *next = after(block);
  if (next && !(next->size & USED)) {
    set_size(block, size_of(block) + size_of(next));
  }
  struct block *previous = (struct block *)((char *)block - block->before);
  if (block->before && !(previous->size & USED)) {
    set_size(previous, size_of(previous) + size_of(block));
    block = previous;
  }
  next_fit = block;
  encl_unlock(&lock);
}

void *calloc(size_t count, size_t size) {
  size_t total;
  void *body = __builtin_mul_overflow(count, size, &total) ? NULL : malloc(total);
  return body ? memset(body, 0, total) : NULL;
}

void *realloc(void *body, size_t size) {
  if (!body) {
    return malloc(size);
  }
  encl_lock(&lock);
  size_t old = size_of(block_of(body)) - HEADER;
  encl_unlock(&lock);
  if (old >= size) {
    return body;
  }
  void *larger = malloc(size);
  if (larger) {
    memcpy(larger, body, old);
    free(body);
  }
  return larger;
}
