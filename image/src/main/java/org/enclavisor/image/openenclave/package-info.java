/**
 * Enclaves of the Open Enclave SDK: an ELF file whose section {@code .oeinfo} holds the enclave's properties and its
 * SIGSTRUCT.
 *
 * <p>Source: Open Enclave's {@code include/openenclave/bits/sgx/sgxproperties.h}, and {@code host/sgx/loadelf.c},
 * {@code host/sgx/elf.c}, {@code host/sgx/create.c}, {@code host/sgx/sgxload.c} as of version 0.19, whose order of EADD
 * is what MRENCLAVE depends on. Properties have 1960 bytes; other versions' are refused, as are enclaves that are
 * loaded together with a second file (DT_NEEDED), and the experimental EEID.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image.openenclave;
