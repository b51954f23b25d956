package org.enclavisor.testkit;

import java.util.Optional;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;

/**
 * Enclave code written in Java: what {@link FakePlatform} does in place of the instruction at some offset of the
 * ELRANGE. Called by the thread that is in {@code enter}; several processors may call at once.
 */
@FunctionalInterface
public interface Scripted {

  /**
   * @param registers as they are; {@code rip} is the scripted address, and has to be moved on for enclave
   *     code to go on
   * @return how enclave code ends here, or empty to go on at {@code registers.rip}
   */
  Optional<Exit> run(Registers registers, AddressSpace space);
}
