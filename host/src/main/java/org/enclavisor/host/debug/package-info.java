/**
 * GDB at a debug enclave.
 *
 * <p>{@link org.enclavisor.host.debug.DebuggedDevice} stands between a host and the monitor and sees every entry and
 * exit; {@link org.enclavisor.host.debug.DebugServer} speaks GDB's Remote Serial Protocol over a socket. Between the
 * two is an inner interface of values: threads, memory, registers, breakpoints, stop and go. What is read and written
 * of an enclave goes through EDBGRD and EDBGWR, so an enclave that is none for debugging stays closed whoever asks.
 *
 * <p>A thread is a TCS. It is stopped by an asynchronous exit and goes on by ERESUME; its registers meanwhile are
 * those of its SSA frame. When one stops, all do: those inside are interrupted, those outside wait before their next
 * entry.
 *
 * <p>Sources: the GDB manual, “Remote Serial Protocol” and “Target Descriptions”; SDM 3D, “Enclave Code Debug and
 * Profiling”.
 *
 * <p>Locks: that of {@code Gate} is held for moments only and never while an enclave is entered or interrupted; under it
 * the monitor may be asked to read and write. The server has none: its one thread handles everything in turn.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.host.debug;
