package org.enclavisor.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Which FS base belongs to which logical processor: how the stub's dispatch finds the mailbox of the thread it runs on.
 * A base that two processors run with at once belongs to neither, and both leave by a trap. Thread-safe.
 *
 * <p>A processor says that it is inside <i>before</i> it looks whether it still owns its base, and one that takes a
 * base over looks who is inside <i>after</i> it has taken it; so one of two that meet always notices.
 */
final class BaseTable {
  /** Not canonical, so that no FS base can be equal to it. */
  private static final long NOBODY = 0x8000_0000_0000_0001L;

  private final MemorySegment table;
  private final StubProcessor[] processors;

  /** @param table one long for each processor, read by the stub */
  BaseTable(MemorySegment table, int processors) {
    this.table = table;
    this.processors = new StubProcessor[Math.min(processors, StubLayout.BASE_COUNT)];
    for (int i = 0; i < this.processors.length; i++) {
      write(i, NOBODY);
    }
  }

  /** A processor that is inside wants to run with a base that it does not own. */
  synchronized void claim(StubProcessor processor, int index, long base) {
    if (index >= processors.length) {
      return;
    }
    processors[index] = processor;
    processor.ownedBase(NOBODY);
    write(index, NOBODY);
    boolean shared = false;
    for (int i = 0; i < processors.length; i++) {
      StubProcessor other = processors[i];
      if (other == null || other == processor) {
        continue;
      }
      if (other.ownedBase() == base) {
        other.ownedBase(NOBODY);
        write(i, NOBODY);
      }
      shared |= other.isInsideWith(base);
    }
    if (!shared) {
      write(index, base);
      processor.ownedBase(base);
    }
  }

  synchronized void release(StubProcessor processor, int index) {
    if (index < processors.length && processors[index] == processor) {
      processor.ownedBase(NOBODY);
      write(index, NOBODY);
    }
  }

  static long nobody() {
    return NOBODY;
  }

  private void write(int index, long base) {
    ValueLayout.JAVA_LONG.varHandle().setVolatile(table, 8L * index, base);
  }
}
