/**
 * The leaves, one class each, in the order of their pseudo-code in the SDM, volume 3D, chapter “SGX Instruction
 * References”: every check, and what it answers. Asynchronous exit, which is no leaf, is here too ({@link
 * org.enclavisor.monitor.leaf.Aex}; SDM 3D, “Enclave Exiting Events”).
 *
 * <p>They are pure Java over the EPCM and enclave memory, and know no platform. What an operand points to is copied
 * first and then checked. ENCLS leaves on one enclave run one at a time, under the monitor's lock of the enclave, so
 * the answers for concurrent ENCLS leaves never occur; those against threads inside do.
 *
 * <p>What this processor lacks: CET (its fields of SECS, SIGSTRUCT, TCS and TARGETINFO are reserved), AEX-Notify, and
 * SGX2. Of ENCLU, EREPORT, EENTER, ERESUME and EEXIT are there; all other leaves, EGETKEY too, answer #GP(0) as a leaf
 * number does that a processor does not know. 32-bit mode is not emulated: TMP_MODE64 is 1, segment limits are those of
 * 64-bit mode, and CR4.OSXSAVE is 1.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor.leaf;
