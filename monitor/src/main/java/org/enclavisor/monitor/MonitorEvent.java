package org.enclavisor.monitor;

import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.jspecify.annotations.Nullable;

/**
 * What the monitor did, for {@code trace}. Times are {@link System#nanoTime()}. Events carry no enclave content.
 *
 * <p>They are delivered on the thread that caused them, in its order; a consumer has to be quick and must not throw.
 */
public sealed interface MonitorEvent {

  EnclaveId id();

  /** When it happened, or ended. */
  long nanos();

  /**
   * An ENCLS leaf. That of a measured EADD includes its EEXTENDs, as far as they did not run beside it.
   *
   * @param pages how many pages it was done for
   * @param duration in nanoseconds
   */
  record Encls(EnclaveId id, long nanos, EnclsLeaf leaf, long pages, long duration, Outcome outcome)
      implements MonitorEvent {}

  /**
   * An ENCLU leaf executed inside, other than EEXIT.
   *
   * @param number EAX
   * @param leaf its name, or null if it has none
   * @param duration in nanoseconds
   */
  record Enclu(
      EnclaveId id, long nanos, long tcs, int number, @Nullable EncluLeaf leaf, long duration, Outcome outcome)
      implements MonitorEvent {}

  /** A thread went in by EENTER or ERESUME. */
  record Entered(EnclaveId id, long nanos, long tcs, EncluLeaf leaf, int cssa) implements MonitorEvent {}

  /** EENTER or ERESUME was refused. */
  record Refused(EnclaveId id, long nanos, long tcs, EncluLeaf leaf, Outcome.Fault fault) implements MonitorEvent {}

  /** A thread came out by EEXIT. */
  record Exited(EnclaveId id, long nanos, long tcs) implements MonitorEvent {}

  /**
   * A thread came out asynchronously.
   *
   * @param vector the exception, or null for an interrupt
   * @param rip where inside
   */
  record AsynchronousExit(
      EnclaveId id, long nanos, long tcs, @Nullable Vector vector, int errorCode, long address, long rip)
      implements MonitorEvent {}

  /**
   * A page fault after which the enclave went on at once, without an exit: the machine had not been told yet what EPCM
   * and host allow.
   *
   * @param page address of the page
   * @param duration in nanoseconds
   */
  record Served(EnclaveId id, long nanos, long tcs, long page, long duration) implements MonitorEvent {}

  /** The life cycle went on. */
  record LifeCycle(EnclaveId id, long nanos, EnclaveState from, EnclaveState to, String reason)
      implements MonitorEvent {}
}
