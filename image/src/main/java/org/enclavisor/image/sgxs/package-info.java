/**
 * SGXS: an enclave as the stream of the records that are measured, so that SHA-256 of the file is MRENCLAVE (as long as
 * it holds no unmeasured data). Defined by Fortanix, {@code rust-sgx/doc/SGXS.md} and {@code intel-sgx/sgxs}.
 *
 * <p>A record has 64 bytes: ECREATE (or UNSIZED, where the size is still open), EADD, EEXTEND; EEXTEND and UNMEASRD are
 * followed by 256 bytes of data.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image.sgxs;
