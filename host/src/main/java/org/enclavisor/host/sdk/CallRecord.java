package org.enclavisor.host.sdk;

import java.util.List;

/**
 * Where the parameters of a call lie in the shared memory.
 *
 * @param index the number of an ECALL, or below zero
 * @param ms address of its structure, or 0
 * @param buffers of its parameters, in their order; an address of 0 where there is none
 * @param pieces of the heap that are to be freed when it is over
 */
public record CallRecord(int index, long ms, List<Buffer> buffers, List<Long> pieces) {
  public CallRecord {
    buffers = List.copyOf(buffers);
    pieces = List.copyOf(pieces);
  }

  /** A parameter's buffer. */
  public record Buffer(long address, long bytes) {
    /** That of a parameter which has none. */
    public static final Buffer NONE = new Buffer(0, 0);
  }
}
