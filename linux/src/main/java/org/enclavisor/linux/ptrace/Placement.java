package org.enclavisor.linux.ptrace;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.linux.Kernel;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.PlatformException;

/**
 * Where things lie in an enclave process. The ELRANGE comes first; what remains is placed around it, with at least a
 * page between neighbours.
 *
 * @param enclave the base of the ELRANGE
 * @param untrusted of untrusted memory
 * @param frames of the areas for signal frames
 * @param bootPage of the {@link BootPage}
 */
record Placement(long enclave, long untrusted, long frames, long bootPage) {
  /** The end of the addresses that Linux gives to programs with four-level page tables. */
  private static final long END = 0x7fff_ffff_f000L;
  /** Below this, an administrator may have forbidden mappings (vm.mmap_min_addr). */
  private static final long START = 0x1_0000;

  private static final long ENCLAVE = 0x1000_0000_0000L;
  private static final long UNTRUSTED = 0x6000_0000_0000L;
  private static final long OURS = 0x7000_0000_0000L;

  private record Range(long start, long length) {
    boolean touches(Range other) {
      return start - Kernel.PAGE < other.start + other.length && other.start - Kernel.PAGE < start + length;
    }
  }

  /**
   * Places everything.
   *
   * @param framesSize bytes of all areas for signal frames
   * @throws PlatformException where there is no room
   */
  static Placement of(AddressSpaceLayout layout, long framesSize) {
    long size = layout.enclaveSize();
    long enclave = layout.enclaveBase() != 0 ? layout.enclaveBase() : Math.max(ENCLAVE, size);
    if (enclave < START || enclave > END - size) {
      throw new PlatformException(
          "enclaveBase=0x%x, enclaveSize=0x%x: not within 0x%x to 0x%x, the addresses that Linux gives to programs"
              .formatted(enclave, size, START, END));
    }
    var taken = new ArrayList<Range>();
    taken.add(new Range(enclave, size));
    long untrusted =
        layout.untrustedBase() == 0
            ? place(taken, UNTRUSTED, layout.untrustedSize())
            : require(taken, layout.untrustedBase(), layout.untrustedSize());
    long frames = place(taken, OURS, framesSize);
    long bootPage = place(taken, OURS, BootPage.bytes(layout.processors()));
    return new Placement(enclave, untrusted, frames, bootPage);
  }

  private static long require(List<Range> taken, long start, long length) {
    var range = new Range(start, length);
    if (start < START || start > END - Kernel.PAGE - length || taken.stream().anyMatch(range::touches)) {
      throw new PlatformException("untrustedBase=0x%x: no room for 0x%x bytes there".formatted(start, length));
    }
    taken.add(range);
    return start;
  }

  /** The wanted address, or else the first one behind something taken that is free. */
  private static long place(List<Range> taken, long wanted, long length) {
    var candidates = new ArrayList<Long>(List.of(wanted, START));
    taken.forEach(range -> candidates.add(range.start + range.length + Kernel.PAGE));
    for (long start : candidates) {
      var range = new Range(start, length);
      if (start <= END - Kernel.PAGE - length && taken.stream().noneMatch(range::touches)) {
        taken.add(range);
        return start;
      }
    }
    throw new PlatformException("no room for 0x%x bytes beside the enclave".formatted(length));
  }
}
