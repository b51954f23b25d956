package org.enclavisor.conformance;

import org.enclavisor.conformance.probe.Command;
import org.jspecify.annotations.Nullable;

/**
 * A logical processor that runs user code: enters enclaves whose code is the {@link org.enclavisor.conformance.probe
 * probe}, and comes back when the probe waits for its next command or is outside again. One caller at a time.
 *
 * <p>{@link ThreadedProcessor} makes one of anything that can enter an enclave on a thread.
 */
public interface LogicalProcessor extends AutoCloseable {

  /**
   * EENTER or ERESUME by a host whose registers are these; its RIP is that of the ENCLU. The registers are not changed.
   *
   * @param leaf 2 or 3
   * @param block the address of the command block of this TCS, in {@link SgxMachine#shared}
   */
  Event enter(int leaf, long tcs, long aep, long block, Registers host);

  /** Whether the probe waits inside. */
  boolean inside();

  /** Gives the probe that waits inside its next command. */
  Event command(Command command);

  /** An interrupt while the probe waits inside. */
  Event interrupt();

  /** The results that the probe has put into the block, when it waits inside. */
  Command.Results results();

  @Override
  void close();

  /** Why the call came back. */
  sealed interface Event {}

  /** The probe is inside and waits for a command. */
  record Inside() implements Event {
    /** The only value. */
    public static final Inside INSTANCE = new Inside();
  }

  /** Outside by EEXIT. */
  record Exited(Registers registers) implements Event {}

  /**
   * Outside by an asynchronous exit.
   *
   * @param fault the exception, null for an interrupt
   * @param registers the synthetic state
   */
  record Aex(LeafResult.@Nullable Fault fault, Registers registers) implements Event {}

  /** EENTER or ERESUME faulted. */
  record Refused(LeafResult.Fault fault) implements Event {}

  /** The machine has lost the enclave; no architecture knows this. */
  record Lost(String reason) implements Event {}
}
