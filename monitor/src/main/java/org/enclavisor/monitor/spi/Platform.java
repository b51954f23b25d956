package org.enclavisor.monitor.spi;

/** A way of running enclave code on this machine. Thread-safe. */
public interface Platform extends AutoCloseable {

  /** The name under which users choose it, such as {@code "stub"} or {@code "ptrace"}. */
  String name();

  /** What the processor offers to enclaves. */
  Machine machine();

  /**
   * Makes an address space with nothing accessible in it but the untrusted memory asked for.
   *
   * @throws PlatformException if the machine refuses
   */
  AddressSpace create(AddressSpaceLayout layout);

  /** Ends every address space that is still open. */
  @Override
  void close();
}
