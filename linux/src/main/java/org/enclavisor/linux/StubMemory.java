package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The JVM's view of an enclave process's memory: mappings of the same files. Accesses after {@link #close} throw.
 *
 * @param stub the stub's region, as {@link StubLayout} tells
 * @param enclave the ELRANGE
 * @param untrusted shared by host and enclave
 * @param patches changed copies of pages of the ELRANGE
 */
record StubMemory(
    Arena arena, MemorySegment stub, MemorySegment enclave, MemorySegment untrusted, MemorySegment patches)
    implements AutoCloseable {

  static StubMemory map(StubLayout layout, StubFiles files) {
    Arena arena = Arena.ofShared();
    boolean done = false;
    try {
      MemorySegment untrusted = Kernel.mapShared(files.untrusted, StubFiles.untrustedFileBytes(layout), arena);
      StubMemory memory =
          new StubMemory(
              arena,
              Kernel.mapShared(files.stub, layout.stubBytes(), arena),
              Kernel.mapShared(files.enclave, layout.enclaveBytes(), arena),
              untrusted.asSlice(0, layout.untrustedBytes()),
              Kernel.mapShared(files.patches, StubFiles.PATCH_BYTES, arena));
      done = true;
      return memory;
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  MemorySegment block(StubLayout layout, int index) {
    return stub.asSlice(layout.blockOffset(index), layout.blockBytes());
  }

  /** Writes what a thread needs at its birth: the {@code stack_t} of its signal stack, and where that is told. */
  void prepareBlock(StubLayout layout, int index, int xsaveBytes) {
    long table = StubLayout.STACKS + (long) index * StubLayout.STACK_T_BYTES;
    int below = StubLayout.MAILBOX + Mailbox.XSAVE + (xsaveBytes + 63 & -64);
    stub.set(ValueLayout.JAVA_LONG, table, layout.block(index) + below);
    stub.set(ValueLayout.JAVA_INT, table + 8, 0);
    stub.set(ValueLayout.JAVA_LONG, table + 16, layout.blockBytes() - below);
    MemorySegment mailbox = block(layout, index).asSlice(StubLayout.MAILBOX);
    mailbox.set(ValueLayout.JAVA_LONG, Mailbox.STACK, layout.stub() + table);
    mailbox.set(ValueLayout.JAVA_INT, Mailbox.CONTROL, Mailbox.GUEST);
  }

  /** Writes the filter that new threads put on, and the {@code struct sock_fprog} that names it. */
  void prepareThreadFilter(StubLayout layout) {
    byte[] filter = SeccompFilter.ofThread();
    long program = StubLayout.THREAD_FILTER;
    stub.set(ValueLayout.JAVA_SHORT, program, (short) (filter.length / SeccompFilter.INSTRUCTION_BYTES));
    stub.set(ValueLayout.JAVA_LONG, program + 8, layout.stub() + program + 16);
    MemorySegment.copy(filter, 0, stub, ValueLayout.JAVA_BYTE, program + 16, filter.length);
  }

  @Override
  public void close() {
    arena.close();
  }
}
