package org.enclavisor.monitor.spi;

import java.io.IOException;

/**
 * Where evicted pages lie: ciphertext with what EWB says of it, outside of every enclave's memory. Nothing that comes
 * from it is believed. Called by one thread at a time.
 */
public interface SwapStore extends AutoCloseable {
  /** Bytes of a record. */
  int RECORD = AddressSpaceLayout.PAGE + 128;

  /** How many records there is room for. */
  long capacity();

  /**
   * Writes neighbouring records. If it fails, any of them may be lost.
   *
   * @param first number of the first, 0 to capacity
   * @param records {@code count} records, one after another, at the start
   */
  void write(long first, byte[] records, int count) throws IOException;

  /**
   * Reads one that was written before.
   *
   * @param record of {@link #RECORD} bytes
   */
  void read(long number, byte[] record) throws IOException;

  /** Ends it; what was in it is lost. Idempotent. */
  @Override
  void close();
}
