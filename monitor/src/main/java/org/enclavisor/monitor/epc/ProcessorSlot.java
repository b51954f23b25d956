package org.enclavisor.monitor.epc;

import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.jspecify.annotations.Nullable;

/** A logical processor and what the monitor has to remember of it. Belongs to the thread whose TCS has it. */
public final class ProcessorSlot {
  /** The machine's side of it. */
  public final LogicalProcessor processor;

  /**
   * Where the extended state of the next entry comes from. After an asynchronous exit the registers hold what is saved
   * in the SSA; synthetic state or the saved one has to be loaded before enclave code runs again.
   */
  public Extended extended = Extended.KEEP;

  /** The TCS that has it, by the enclave's list of processors: under the lock of that list. */
  public @Nullable TcsPage thread;

  public ProcessorSlot(LogicalProcessor processor) {
    this.processor = processor;
  }
}
