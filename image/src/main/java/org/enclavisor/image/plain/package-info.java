/**
 * The plain ELF enclave of the Linux kernel's SGX selftests ({@code tools/testing/selftests/sgx}: {@code load.c},
 * {@code sigstruct.c}, {@code test_encl.lds}), as of Linux 5.18 and later.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image.plain;
