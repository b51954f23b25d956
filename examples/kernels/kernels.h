/*
 * Computing kernels: the same object code runs in the enclave and in the native program. They use memory that
 * kernel_memory gives once, call nothing, and return a checksum that depends on all their work.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* How much memory the kernels need, page aligned. */
#define KERNEL_MEMORY ((size_t)56 << 20)

/* Where it is; called by both programs before anything else. Returns a checksum of what was filled in. */
uint64_t kernel_prepare(void *memory);

uint64_t kernel_sha256(uint64_t n); /* 4 KiB hashed per round, each round into the next */
uint64_t kernel_aes(uint64_t n);    /* 256 blocks of AES-128 encrypted per round, byte by byte as the standard says */
uint64_t kernel_sort(uint64_t n);   /* 65,536 numbers heap-sorted per round */
uint64_t kernel_matrix(uint64_t n); /* two matrices of 96 x 96 doubles multiplied per round */
uint64_t kernel_chase(uint64_t n);  /* 65,536 dependent loads over 32 MiB per round */
uint64_t kernel_stream(uint64_t n); /* a[i] = b[i] + 3 c[i] over 3 x 7 MiB per round */

#endif
