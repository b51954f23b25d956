package org.enclavisor.host.marshal;

import org.enclavisor.host.WrongUseException;
import org.jspecify.annotations.Nullable;

/** Values that are passed as bare addresses. */
public final class Addresses {
  private Addresses() {}

  /** Something in the memory shared with the enclave. */
  public interface Addressable {
    /** Its address as the enclave sees it. */
    long address();
  }

  /** The address that a Java value stands for: a Long, something shared, or null for NULL. */
  static long of(@Nullable Object value, String what) {
    return switch (value) {
      case null -> 0;
      case Long address -> address;
      case Integer address -> address;
      case Addressable shared -> shared.address();
      default ->
          throw new WrongUseException(
              what + ": expected an UntrustedBuffer, an address or null, found " + value.getClass().getName());
    };
  }
}
