package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemoryLayout;
import java.util.Arrays;
import org.enclavisor.isa.Targetinfo;

/** What of a TARGETINFO an enclave without CET is asked. */
final class TargetinfoFields {
  private TargetinfoFields() {}

  /** Makes the members that the processor does not look at zero. */
  static void clearReserved(byte[] bytes) {
    int offset = 0;
    for (MemoryLayout member : Targetinfo.LAYOUT.memberLayouts()) {
      int size = Math.toIntExact(member.byteSize());
      String name = member.name().orElse("");
      if (name.startsWith("reserved") || name.equals("cetAttributes")) {
        Arrays.fill(bytes, offset, offset + size, (byte) 0);
      }
      offset += size;
    }
  }
}
