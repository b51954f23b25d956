/*
 * Dynamic memory (SGX2): pages that come, go and change while the enclave runs. The host is asked for a change, the
 * processor makes it, and the enclave has to accept it: until then no code can use the page, so a host that does
 * something else than it was asked for gains nothing. Works only where encl_dynamic() says so.
 */
#ifndef ENCL_PAGES_H
#define ENCL_PAGES_H

#include "encl.h"

/* Flags of a page, the bits of SECINFO. */
enum {
  PAGE_READ = 1 << 0, PAGE_WRITE = 1 << 1, PAGE_EXECUTE = 1 << 2,
  PAGE_PENDING = 1 << 3, PAGE_MODIFIED = 1 << 4, PAGE_RESTRICTED = 1 << 5,
  PAGE_TCS = 1 << 8, PAGE_REG = 2 << 8, PAGE_TRIM = 4 << 8,
};

/* Whether host and processor can do it, and the enclave was laid out for it. */
bool encl_dynamic(void);
/* What HeapMaxSize is beyond HeapInitSize: pages that are not there at first. malloc leaves them alone. */
void *encl_later(size_t *size);

/* EACCEPT: 0, or the error code. The page must be exactly as the flags say. */
unsigned encl_accept(void *page, uint64_t flags);
/* EMODPE: adds permissions. */
void encl_extend(void *page, uint64_t flags);

/* All sizes are whole pages. They answer false if the host or the processor did not do it. */

/* Has the host map a range: a page in it is added when it is first touched or accepted. */
bool encl_map(void *address, size_t size);
/* The same, and accepts all of its pages at once. */
bool encl_commit(void *address, size_t size);
/* Takes permissions away. `before` and `after` are of PAGE_READ, PAGE_WRITE, PAGE_EXECUTE. */
bool encl_restrict(void *address, size_t size, uint64_t before, uint64_t after);
/* Gives pages back. What was in them is gone. */
bool encl_trim(void *address, size_t size, uint64_t permissions);

#endif
