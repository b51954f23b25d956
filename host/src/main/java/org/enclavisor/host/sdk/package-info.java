/**
 * The untrusted half of the Intel SGX SDK's runtime: what {@code libsgx_urts} does for a C program.
 *
 * <p>{@link org.enclavisor.host.sdk.SdkRuntime} enters the enclave and serves its exits, one
 * {@link org.enclavisor.host.sdk.TcsSlot} for each thread that is inside;
 * {@link org.enclavisor.host.sdk.SystemFeatures} is what the enclave is told about the processor. Nothing here knows
 * EDL.
 *
 * <p>Source of the facts: psw/urts (enter_enclave.S, enclave.cpp, tcs.cpp, linux/sig_handler.cpp, cpu_features*.cpp)
 * and sdk/trts (trts_pic.S, trts_ecall.cpp, trts_ocall.cpp, trts_veh.cpp) of the Intel SGX SDK for Linux.
 *
 * <p>Locks: that of {@link org.enclavisor.host.sdk.TcsPool} and that of
 * {@link org.enclavisor.host.sdk.UntrustedHeap} are never held together, nor while the enclave is entered.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.host.sdk;
