package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace.Range;

/**
 * What enclave code may do with each page, in the page tables of an enclave process. Confined to its address space's
 * lock.
 *
 * <p>Permissions are those of the kernel's mappings, one for each run of equal pages, of which a process has a limited
 * number. Once there are many, small ranges that are taken away are <i>covered</i> instead: guard markers in the page
 * tables (Linux 6.15), at which every access faults, leave the mapping below whole. Guard markers do not get on with
 * the write protection of {@link WriteWatch}, so from the first mark on there are none.
 */
final class StubPermissions {
  private static final int MADV_GUARD_INSTALL = 102;
  private static final int MADV_GUARD_REMOVE = 103;

  /** Each page costs an entry of the page tables, so it is for small ranges only. */
  private static final long COVERED_BYTES = 64L * Kernel.PAGE;

  private static final boolean GUARDS = kernelHasGuards();

  private final StubLayout layout;
  private final Steward steward;
  private final SitePatches patches;
  private final int runs;
  private final PermissionRuns mapped = new PermissionRuns();
  private final BitSet covered = new BitSet();
  private boolean covering = GUARDS;

  /** Whether {@link #mapped} and {@link #covered} are what the kernel has: not if it has refused something. */
  private boolean certain = true;

  /** @param runs of equal permissions from which on small ranges are covered */
  StubPermissions(StubLayout layout, Steward steward, SitePatches patches, int runs) {
    this.layout = layout;
    this.steward = steward;
    this.patches = patches;
    this.runs = runs;
  }

  private static boolean kernelHasGuards() {
    try (Arena arena = Arena.ofConfined()) {
      int file = Kernel.memfd("enclavisor-probe", Kernel.PAGE);
      long address = Kernel.mapShared(file, Kernel.PAGE, arena).address();
      Kernel.close(file);
      // SAFETY: a page of this method's own that nobody touches.
      return Kernel.raw(Syscall.MADVISE, address, Kernel.PAGE, MADV_GUARD_INSTALL) == 0;
    }
  }

  /** Of the page at an offset. */
  Permissions at(long offset) {
    return covered.get((int) (offset / Kernel.PAGE)) ? Permissions.NONE : mapped.at(offset);
  }

  /** How many pages are covered. */
  int covered() {
    return covered.cardinality();
  }

  /**
   * Sets the permissions of ranges, in their order.
   *
   * @throws SyscallException if the kernel refuses one
   */
  void set(List<Range> ranges) {
    List<Steward.Call> calls = new ArrayList<>(ranges.size());
    for (Range range : ranges) {
      boolean fresh = patches.drop(range.offset(), range.length(), range.permissions());
      if (range.permissions().equals(Permissions.NONE)) {
        takeAway(range, fresh, calls);
      } else {
        give(range, calls);
      }
    }
    carryOut(calls);
  }

  private void takeAway(Range range, boolean fresh, List<Steward.Call> calls) {
    if (covering && certain && !fresh && mapped.count() >= runs && range.length() <= COVERED_BYTES) {
      calls.add(call(Syscall.MADVISE, range, MADV_GUARD_INSTALL));
      covered.set(first(range), end(range));
    } else {
      map(range, calls);
    }
  }

  private void give(Range range, List<Steward.Call> calls) {
    int next = covered.nextSetBit(first(range));
    boolean uncover = GUARDS && !certain || next >= 0 && next < end(range);
    if (!uncover || !certain || !mapped.isAll(range.offset(), range.length(), range.permissions())) {
      map(range, calls);
    }
    if (uncover) {
      calls.add(call(Syscall.MADVISE, range, MADV_GUARD_REMOVE));
      covered.clear(first(range), end(range));
    }
  }

  private void map(Range range, List<Steward.Call> calls) {
    calls.add(call(Syscall.MPROTECT, range, protection(range.permissions())));
    mapped.set(range.offset(), range.length(), range.permissions());
  }

  /** Covers nothing any more, from now on. */
  void uncover() {
    covering = false;
    List<Steward.Call> calls = new ArrayList<>();
    for (int from = covered.nextSetBit(0); from >= 0; ) {
      int to = covered.nextClearBit(from);
      Range range = new Range((long) from * Kernel.PAGE, (long) (to - from) * Kernel.PAGE, Permissions.NONE);
      map(range, calls);
      calls.add(call(Syscall.MADVISE, range, MADV_GUARD_REMOVE));
      from = covered.nextSetBit(to);
    }
    covered.clear();
    carryOut(calls);
  }

  private void carryOut(List<Steward.Call> calls) {
    Steward.Done done = steward.carryOut(calls);
    if (done.error() != 0) {
      certain = false;
      Steward.Call refused = calls.get(done.count());
      Kernel.check(
          (refused.number() == Syscall.MPROTECT ? "mprotect" : "madvise") + " in the enclave process", done.error(),
          refused.address(), refused.length(), refused.argument());
    }
  }

  private Steward.Call call(int number, Range range, int argument) {
    return new Steward.Call(number, layout.enclave() + range.offset(), range.length(), argument);
  }

  private static int first(Range range) {
    return (int) (range.offset() / Kernel.PAGE);
  }

  private static int end(Range range) {
    return (int) ((range.offset() + range.length()) / Kernel.PAGE);
  }

  /** The PROT_ bits. */
  static int protection(Permissions p) {
    return (p.read() ? Kernel.PROT_READ : 0)
        | (p.write() ? Kernel.PROT_WRITE : 0)
        | (p.execute() ? Kernel.PROT_EXEC : 0);
  }
}
