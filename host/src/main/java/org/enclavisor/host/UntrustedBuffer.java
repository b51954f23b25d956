package org.enclavisor.host;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import org.enclavisor.host.marshal.Addresses;
import org.enclavisor.host.sdk.SdkRuntime;

/**
 * Memory that host and enclave share, for {@code user_check} pointers. What is in it may change at any time while the
 * enclave runs. Close it when the enclave no longer uses it; closing the enclave ends it too.
 */
public final class UntrustedBuffer implements Addresses.Addressable, AutoCloseable {
  private final SdkRuntime runtime;
  private final long address;
  private final MemorySegment segment;
  private final AtomicBoolean open = new AtomicBoolean(true);

  UntrustedBuffer(SdkRuntime runtime, long address, long bytes) {
    this.runtime = runtime;
    this.address = address;
    segment = runtime.memory().slice(address, bytes, "buffer").fill((byte) 0);
  }

  /** Its address as the enclave sees it. */
  @Override
  public long address() {
    return address;
  }

  /** Its bytes. Using them after the enclave was closed throws {@link IllegalStateException}. */
  public MemorySegment segment() {
    return segment;
  }

  /** Gives the memory back. Idempotent. */
  @Override
  public void close() {
    if (open.compareAndSet(true, false)) {
      runtime.heap().free(address);
    }
  }
}
