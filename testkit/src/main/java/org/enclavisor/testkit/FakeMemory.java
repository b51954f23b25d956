package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.invoke.VarHandle;
import org.enclavisor.monitor.spi.AddressSpaceLayout;

/** How a fake processor sees memory: canonical addresses, alignment, permissions, then bytes. */
final class FakeMemory {
  private static final VarHandle LONG = JAVA_LONG.varHandle();
  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int EXECUTE = 4;

  /** What an exception is told to. */
  @FunctionalInterface
  interface Trap {
    void raise(int vector, int errorCode, long cr2);
  }

  private final FakeAddressSpace space;
  private final Trap trap;
  private boolean alignmentChecked;

  FakeMemory(FakeAddressSpace space, Trap trap) {
    this.space = space;
    this.trap = trap;
  }

  static boolean nonCanonical(long address) {
    return address << 16 >> 16 != address;
  }

  /** Whether an unaligned access of data is #AC. */
  void alignmentChecked(boolean on) {
    alignmentChecked = on;
  }

  /** A byte of code, −1 with a fault. */
  int fetch(long address) {
    return allowed(address, EXECUTE) ? space.segmentOf(address).get(JAVA_BYTE, space.offsetOf(address)) & 0xff : -1;
  }

  /** An access as a whole, so that one that faults in its second page has done nothing in its first. */
  boolean accessible(long address, int size, boolean write) {
    int access = write ? WRITE : READ;
    if (nonCanonical(address) || nonCanonical(address + size - 1)) {
      trap.raise(FakeCpu.GP, 0, 0);
      return false;
    }
    long last = address + size - 1;
    long pageOfLast = last & -AddressSpaceLayout.PAGE;
    return allowed(address, access) && (pageOfLast <= address || allowed(pageOfLast, access));
  }

  private boolean allowed(long address, int access) {
    int permissions = space.permissionsAt(address);
    if (permissions >= 0 && (permissions & access) != 0) {
      return true;
    }
    int present = permissions > 0 ? 1 : 0;
    trap.raise(FakeCpu.PF, present | 4 | (access == WRITE ? 2 : 0) | (access == EXECUTE ? 16 : 0), address);
    return false;
  }

  private boolean checked(long address, int size, boolean write) {
    if (alignmentChecked && address % size != 0 && !nonCanonical(address)) {
      trap.raise(FakeCpu.AC, 0, 0);
      return false;
    }
    return accessible(address, size, write);
  }

  /** Zero with a fault. Aligned words are read as the processor does: one way or the other, never torn, never stale. */
  long read(long address, int size) {
    if (!checked(address, size, false)) {
      return 0;
    }
    var segment = space.segmentOf(address);
    long offset = space.offsetOf(address);
    return switch (size) {
      case 1 -> segment.get(JAVA_BYTE, offset);
      case 2 -> segment.get(JAVA_SHORT_UNALIGNED, offset);
      case 4 -> segment.get(JAVA_INT_UNALIGNED, offset);
      case 8 -> address % 8 == 0 ? (long) LONG.getAcquire(segment, offset) : bytes(address);
      default -> throw new IllegalArgumentException("size=" + size);
    };
  }

  private long bytes(long address) {
    long value = 0;
    for (int i = 7; i >= 0; i--) {
      var segment = space.segmentOf(address + i);
      value = value << 8 | segment.get(JAVA_BYTE, space.offsetOf(address + i)) & 0xff;
    }
    return value;
  }

  void write(long address, int size, long value) {
    if (!checked(address, size, true)) {
      return;
    }
    space.noteWrite(address);
    space.noteWrite(address + size - 1);
    var segment = space.segmentOf(address);
    long offset = space.offsetOf(address);
    switch (size) {
      case 1 -> segment.set(JAVA_BYTE, offset, (byte) value);
      case 2 -> segment.set(JAVA_SHORT_UNALIGNED, offset, (short) value);
      case 4 -> segment.set(JAVA_INT_UNALIGNED, offset, (int) value);
      case 8 -> {
        if (address % 8 == 0) {
          LONG.setRelease(segment, offset, value);
        } else {
          segment.set(JAVA_LONG_UNALIGNED, offset, value);
        }
      }
      default -> throw new IllegalArgumentException("size=" + size);
    }
  }

  /** LOCK INC of an aligned word; what it became. */
  long incrementAtomically(long address) {
    if (!checked(address, 8, true) || !accessible(address, 8, false)) {
      return 0;
    }
    space.noteWrite(address);
    return (long) LONG.getAndAdd(space.segmentOf(address), space.offsetOf(address), 1L) + 1;
  }
}
