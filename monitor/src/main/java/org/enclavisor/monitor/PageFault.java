package org.enclavisor.monitor;

import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.epc.EpcmEntry;

/**
 * What a processor with SGX would say of a page fault in enclave code. The machine below knows only the intersection of
 * EPCM and host mappings; who of the two refused is told here (SDM 3D, “Access-control Requirements”; SDM 3A, 5.7).
 */
final class PageFault {
  private static final int ACCESS = Outcome.Fault.WRITE | Outcome.Fault.FETCH;

  private PageFault() {}

  /**
   * The error code of a page fault in the ELRANGE. The host's mapping is asked first, as a page walk comes before the
   * EPCM; a page that was never added is one that the host could not map.
   *
   * @param bits the page's EPCM entry
   * @param machine the error code of the machine
   */
  static int errorCode(HostMappings host, long page, int bits, int machine) {
    int access = machine & ACCESS;
    int base = Outcome.Fault.USER | access;
    Permissions mapped = host.get(page);
    boolean present = EpcmEntry.valid(bits) && mapped.bits() != 0;
    if (!present) {
      return base;
    }
    if (!allows(mapped, access)) {
      return base | Outcome.Fault.PRESENT;
    }
    if (!allows(Permissions.of(EpcmEntry.access(bits)), access)) {
      return base | Outcome.Fault.PRESENT | Outcome.Fault.SGX;
    }
    return machine & ~Outcome.Fault.SGX;
  }

  private static boolean allows(Permissions permissions, int access) {
    if ((access & Outcome.Fault.FETCH) != 0) {
      return permissions.execute();
    }
    return (access & Outcome.Fault.WRITE) != 0 ? permissions.write() : permissions.read();
  }
}
