/**
 * The leaves, one class each, in the order of their pseudo-code in the SDM, volume 3D, chapter “SGX Instruction
 * References”: every check, and what it answers. Asynchronous exit, which is no leaf, is here too ({@link
 * org.enclavisor.monitor.leaf.Aex}; SDM 3D, “Enclave Exiting Events”).
 *
 * <p>They are pure Java over the EPCM and enclave memory, and know no platform. What an operand points to is copied
 * first and then checked. Leaves run at the same time and conflict as the manual's concurrency tables say; none waits
 * for another.
 *
 * <p>What this processor lacks: CET (its fields of SECS, SIGSTRUCT, TCS, TARGETINFO and KEYREQUEST are reserved) and
 * EVERIFYREPORT2; {@link org.enclavisor.monitor.SgxCpuid} says what else is switched off, whose leaves answer #GP(0) as
 * a number does that is no leaf. 32-bit mode is not emulated: TMP_MODE64 is 1, segment limits are those of 64-bit mode,
 * and CR4.OSXSAVE is 1.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.monitor.leaf;
