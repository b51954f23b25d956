package org.enclavisor.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.enclavisor.isa.Permissions;

/**
 * ENCLU sites that have been turned into something cheaper than an illegal instruction. The first trap of a site proves
 * that an instruction starts there. {@code mov eax, 4; enclu} becomes a jump to a trampoline; any other site an INT3.
 *
 * <p>Patches are no part of the enclave's memory: a changed copy of the page is mapped over it in the enclave process
 * only, whole and at once, so that another thread sees all of a change or nothing. Pages that enclave code may write
 * are left alone, and whenever the monitor sets a page's permissions, its patches go.
 *
 * <p>{@link #patch} and {@link #drop} are called under the address space's lock; the look-ups by any thread.
 */
final class SitePatches {
  /** EEXIT, the only leaf that needs neither RAX nor RCX afterwards. */
  private static final int EEXIT = 4;

  private static final int MOV_EAX = 0xB8;
  private static final int JMP_REL32 = 0xE9;
  private static final int INT3 = 0xCC;
  private static final int MOV_BYTES = 5;

  private record Patch(int offset, byte[] bytes) {}

  private static final class Page {
    final List<Patch> patches = new ArrayList<>();
    long slot = -1;
  }

  /** Maps a page of the patch file over a page of the enclave, or the enclave's own page again. */
  interface Mapper {
    void map(long enclaveOffset, boolean patched, long fileOffset, Permissions permissions);
  }

  private final StubLayout layout;
  private final StubProgram program;
  private final MemorySegment enclave;
  private final MemorySegment copies;
  private final MemorySegment trampolines;
  private final Mapper mapper;
  private final Map<Long, Page> pages = new HashMap<>();
  private final Deque<Long> freeSlots = new ArrayDeque<>();
  private final Map<Long, Integer> jumps = new HashMap<>();
  private final long[] sites = new long[StubLayout.TRAMPOLINE_COUNT];
  private final Set<Long> breakpoints = ConcurrentHashMap.newKeySet();
  private volatile int siteCount;
  private long nextSlot;

  SitePatches(
      StubLayout layout,
      StubProgram program,
      MemorySegment enclave,
      MemorySegment copies,
      MemorySegment trampolines,
      Mapper mapper) {
    this.layout = layout;
    this.program = program;
    this.enclave = enclave;
    this.copies = copies;
    this.trampolines = trampolines;
    this.mapper = mapper;
  }

  /** Whether an ENCLU was replaced by INT3 at this address. */
  boolean isBreakpoint(long address) {
    return breakpoints.contains(address);
  }

  /** The address of the ENCLU of a trampoline, or −1 for a number that none has: the number may be made up. */
  long siteOf(int index) {
    return index >= 0 && index < siteCount ? sites[index] : -1;
  }

  /** The ENCLU at {@code site} has trapped with {@code rax}: makes the next time cheaper, where that is possible. */
  void patch(long site, long rax, Permissions permissions) {
    long offset = site - layout.enclave();
    long pageOffset = offset & -Kernel.PAGE;
    int inPage = (int) (offset - pageOffset);
    if (permissions.write() || !permissions.execute()) {
      return;
    }
    Page page = pages.computeIfAbsent(pageOffset, key -> new Page());
    boolean jump = rax == EEXIT && hasRoomForJump(offset, inPage) && reachable(site) && hasTrampoline(site);
    int at = jump ? inPage - MOV_BYTES : inPage;
    if (page.patches.stream().anyMatch(p -> p.offset == at)) {
      return;
    }
    long slot = freeSlots.isEmpty() ? newSlot() : freeSlots.pop();
    if (slot < 0) {
      return;
    }
    if (jump) {
      page.patches.add(new Patch(at, jumpTo(trampolineOf(site), site - MOV_BYTES)));
    } else {
      page.patches.add(new Patch(at, new byte[] {(byte) INT3}));
      breakpoints.add(site);
    }
    MemorySegment copy = copies.asSlice(slot, Kernel.PAGE);
    copy.copyFrom(enclave.asSlice(pageOffset, Kernel.PAGE));
    for (Patch patch : page.patches) {
      MemorySegment.copy(patch.bytes, 0, copy, ValueLayout.JAVA_BYTE, patch.offset, patch.bytes.length);
    }
    mapper.map(pageOffset, true, slot, permissions);
    if (page.slot >= 0) {
      freeSlots.push(page.slot);
    }
    page.slot = slot;
  }

  /**
   * The permissions of a range are about to be set: the enclave's own pages come back.
   *
   * @return whether there were others
   */
  boolean drop(long offset, long length, Permissions permissions) {
    return !pages.isEmpty()
        && pages.entrySet()
        .removeIf(
            entry -> {
              long pageOffset = entry.getKey();
              if (pageOffset < offset || pageOffset >= offset + length) {
                return false;
              }
              Page page = entry.getValue();
              if (page.slot >= 0) {
                mapper.map(pageOffset, false, pageOffset, permissions);
                freeSlots.push(page.slot);
              }
              return true;
            });
  }

  private long newSlot() {
    if (nextSlot + Kernel.PAGE > copies.byteSize()) {
      return -1;
    }
    long slot = nextSlot;
    nextSlot += Kernel.PAGE;
    return slot;
  }

  /**
   * Whether {@code mov eax, 4} stands before the ENCLU. The trap has proved the ENCLU's start only; so that the five
   * bytes before it are not the tail of another instruction, bytes that could make them one rule it out: a prefix
   * before it, an opcode that takes a 32-bit immediate shortly before, or what makes B8 a ModRM or SIB byte with a
   * 32-bit displacement of 4 whose base is not RAX (which held 4 at the trap, and nothing is mapped at 8). An INT3 in
   * place of ENCLU's first byte is always right.
   */
  private boolean hasRoomForJump(long offset, int inPage) {
    if (inPage < MOV_BYTES + 3 || byteAt(offset - 5) != MOV_EAX || byteAt(offset - 4) != EEXIT) {
      return false;
    }
    if (byteAt(offset - 3) != 0 || byteAt(offset - 2) != 0 || byteAt(offset - 1) != 0) {
      return false;
    }
    int before = byteAt(offset - 6);
    if (before >= 0x40 && before <= 0x4F || before == 0x66 || before == 0x67) {
      return false;
    }
    boolean lea = before == 0x8D;
    boolean indexed = (before & 0xC7) == 0x84; // ModRM: a SIB byte and 32 bits of displacement follow
    boolean otherBase = (byteAt(offset - 7) & 0xF1) == 0x41 && (before & 0xF0) != 0x50; // REX.B, but of no PUSH or POP
    if (lea || indexed || otherBase) {
      return false;
    }
    for (int i = 6; i <= 8; i++) {
      int opcode = byteAt(offset - i);
      if (opcode == 0xC7 || opcode == 0x81 || opcode == 0x69 || opcode == 0xF7) {
        return false;
      }
    }
    return true;
  }

  private int byteAt(long offset) {
    return enclave.get(ValueLayout.JAVA_BYTE, offset) & 0xFF;
  }

  private boolean reachable(long site) {
    long distance = layout.stub() + StubLayout.TRAMPOLINES - site;
    return Math.abs(distance) < Integer.MAX_VALUE - 2L * Kernel.PAGE;
  }

  private boolean hasTrampoline(long site) {
    return jumps.containsKey(site) || siteCount < sites.length;
  }

  private long trampolineOf(long site) {
    Integer known = jumps.get(site);
    int index = known == null ? siteCount : known;
    if (known == null) {
      jumps.put(site, index);
      sites[index] = site;
      byte[] code = program.trampoline(index);
      MemorySegment.copy(
          code, 0, trampolines, ValueLayout.JAVA_BYTE, (long) index * StubLayout.TRAMPOLINE_BYTES, code.length);
      siteCount = index + 1;
    }
    return layout.stub() + StubLayout.TRAMPOLINES + (long) index * StubLayout.TRAMPOLINE_BYTES;
  }

  private static byte[] jumpTo(long target, long from) {
    int distance = Math.toIntExact(target - (from + MOV_BYTES));
    return new byte[] {
      (byte) JMP_REL32, (byte) distance, (byte) (distance >> 8), (byte) (distance >> 16), (byte) (distance >> 24)
    };
  }
}
