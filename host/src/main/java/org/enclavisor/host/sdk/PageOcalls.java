package org.enclavisor.host.sdk;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.RangeOutcome;
import org.enclavisor.monitor.SgxDevice;

/**
 * The two OCALLs with which the runtime inside an enclave of the SDK manages its memory (sgx-emm): to have pages
 * mapped, which are added when they are touched, and to have type or permissions of pages changed. They have numbers of
 * their own, below those of an EDL. What the enclave asks for is the device's to judge. Thread-safe.
 *
 * <pre>
 * offset  0  int   out: 0, or an error
 *         8  u64   address in the enclave
 *        16  u64   bytes
 *        24  int   properties: before the change, or of what is mapped
 *        28  int   properties after the change, or flags of what is mapped
 * </pre>
 *
 * <p>Properties: permissions in bits 0–2, page type in bits 8–15.
 */
final class PageOcalls {
  private static final int ALLOCATE = -6;
  private static final int MODIFY = -7;
  private static final int BYTES = 32;
  private static final int PROTECTION = 7;
  private static final int TYPE_SHIFT = 8;
  private static final int TCS = PageType.TCS.code();
  private static final int REG = PageType.REG.code();
  private static final int TRIM = PageType.TRIM.code();

  private final SgxDevice device;
  private final Supplier<EnclaveId> id;
  private final long base;
  private final SharedMemory memory;

  PageOcalls(SgxDevice device, Supplier<EnclaveId> id, long base, SharedMemory memory) {
    this.device = device;
    this.id = id;
    this.base = base;
    this.memory = memory;
  }

  /** Whether an OCALL is one of these. */
  static boolean serves(int index) {
    return index == ALLOCATE || index == MODIFY;
  }

  /** Serves it; its status. */
  int ocall(int index, long ms) {
    if (!memory.contains(ms, BYTES)) {
      return SgxStatus.SGX_ERROR_INVALID_PARAMETER.code();
    }
    MemorySegment structure = memory.slice(ms, BYTES, "parameters of a memory OCALL");
    long offset = structure.get(JAVA_LONG_UNALIGNED, 8) - base;
    long length = structure.get(JAVA_LONG_UNALIGNED, 16);
    int from = structure.get(JAVA_INT_UNALIGNED, 24);
    int to = structure.get(JAVA_INT_UNALIGNED, 28);
    boolean done = index == ALLOCATE ? protect(offset, length, Permissions.RW) : modify(offset, length, from, to);
    SgxStatus result = done ? SgxStatus.SGX_SUCCESS : SgxStatus.SGX_ERROR_UNEXPECTED;
    structure.set(JAVA_INT_UNALIGNED, 0, result.code());
    return SgxStatus.SGX_SUCCESS.code();
  }

  private boolean modify(long offset, long length, int from, int to) {
    int typeFrom = from >>> TYPE_SHIFT & 0xFF;
    int typeTo = to >>> TYPE_SHIFT & 0xFF;
    int before = from & PROTECTION;
    int after = to & PROTECTION;
    if (before != after && typeFrom != typeTo) {
      return false;
    }
    if (typeFrom == TRIM) {
      return typeTo == TRIM && removed(offset, length) && (after != 0 || protect(offset, length, Permissions.NONE));
    }
    if (typeTo == TRIM) {
      return done(device.modifyTypes(id.get(), offset, length, PageType.TRIM));
    }
    if (typeTo == TCS) {
      return typeFrom == REG && done(device.modifyTypes(id.get(), offset, length, PageType.TCS));
    }
    if (typeTo != typeFrom || typeTo != REG) {
      return typeTo == typeFrom && before == after;
    }
    return permissions(offset, length, before, after);
  }

  /** Accepting takes a page that can be read: that nothing is left of a mapping is a second request. */
  private boolean permissions(long offset, long length, int before, int after) {
    Permissions left = Permissions.of(after);
    if (before == after) {
      return after != 0 || protect(offset, length, left);
    }
    return done(device.restrictPermissions(id.get(), offset, length, left))
        && (after == 0 || protect(offset, length, left));
  }

  private boolean removed(long offset, long length) {
    return done(device.removePages(id.get(), offset, length));
  }

  private static boolean done(RangeOutcome outcome) {
    return outcome.ok();
  }

  private boolean protect(long offset, long length, Permissions permissions) {
    return device.protect(id.get(), offset, length, permissions).ok();
  }
}
