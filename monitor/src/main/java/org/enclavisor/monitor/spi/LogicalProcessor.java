package org.enclavisor.monitor.spi;

import java.lang.foreign.MemorySegment;

/**
 * Something that runs enclave code, one entry at a time.
 *
 * <p>{@link #enter} and {@link #extendedState} belong to one thread at a time; {@link #interrupt} may be called by any.
 */
public interface LogicalProcessor extends AutoCloseable {

  /**
   * Runs enclave code from the given registers until an exit, and leaves the registers as they were at the exit.
   *
   * <p>Values that no program can have come to #GP (vector 13, error code 0) with the registers as given: a
   * segment base outside of what Linux allows, or, with {@link Extended#LOAD}, an area that XRSTOR refuses. Flags that
   * only an operating system may set are ignored. After the process has died, every entry is {@link Exit.Death}.
   *
   * @param registers in and out. {@code rip} of an exit is the address of the instruction that caused it, also for
   *     INT3; of a single-step trap (vector 1), the next one's. RFLAGS.RF is never set
   * @param extended what the x87, SSE, AVX… registers hold at the start
   * @throws IllegalStateException if the processor is closed, or another thread is in it
   */
  Exit enter(Registers registers, Extended extended);

  /**
   * The extended state in standard XSAVE form, {@link Machine#xsaveBytes()} long: after a fault or an interrupt, what
   * the enclave's registers held. What is written here is loaded by {@link Extended#LOAD}. The content is hostile: it
   * may have been made up by the enclave.
   */
  MemorySegment extendedState();

  /**
   * Makes an {@link #enter} that is under way return {@link Exit.Interrupt} soon, unless it returns for another reason
   * first. Without one under way it does nothing: it is never remembered.
   */
  void interrupt();

  /** Gives the logical processor back. Idempotent. */
  @Override
  void close();
}
