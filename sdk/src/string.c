/* The memory functions that the compiler itself calls, and a few for text. */
#include "encl.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
  return result;
}

void *memmove(void *to, const void *from, size_t size) {
  if ((uintptr_t)to - (uintptr_t)from >= size) {
    return memcpy(to, from, size);
  }
  char *last = (char *)to + size;
  const char *source = (const char *)from + size;
  while (size--) {
    *--last = *--source;
  }
  return to;
}

void *memset(void *to, int byte, size_t size) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
  return result;
}

int memcmp(const void *one, const void *other, size_t size) {
  const uint8_t *a = one;
  const uint8_t *b = other;
  for (; size; size--, a++, b++) {
    if (*a != *b) {
      return *a - *b;
    }
  }
  return 0;
}

size_t strnlen(const char *text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length]) {
    length++;
  }
  return length;
}

size_t strlen(const char *text) { return strnlen(text, SIZE_MAX); }

int strcmp(const char *one, const char *other) {
  while (*one && *one == *other) {
    one++;
    other++;
  }
  return (uint8_t)*one - (uint8_t)*other;
}
