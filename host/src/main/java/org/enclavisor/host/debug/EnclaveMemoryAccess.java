package org.enclavisor.host.debug;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.UntrustedMemory;

/**
 * An enclave's memory by EDBGRD and EDBGWR, what it shares with its host, and breakpoints: INT3 in the place of an
 * instruction's first byte, which nobody who reads here sees. Guarded by the target's lock.
 */
final class EnclaveMemoryAccess {
  /** INT3. */
  static final byte INT3 = (byte) 0xCC;

  private static final int PAGE = 4096;

  private final SgxDevice device;
  private final EnclaveId id;
  private final long base;
  private final long size;

  /** By address, the byte that an INT3 stands for. */
  private final TreeMap<Long, Byte> breakpoints = new TreeMap<>(Long::compareUnsigned);

  EnclaveMemoryAccess(SgxDevice device, EnclaveId id, long base, long size) {
    this.device = device;
    this.id = id;
    this.base = base;
    this.size = size;
  }

  private boolean inEnclave(long address) {
    return Long.compareUnsigned(address - base, size) < 0;
  }

  /** Reads, without breakpoints. Returns how many bytes from the start could be read. */
  int read(long address, byte[] into) {
    int done = 0;
    while (done < into.length) {
      long at = address + done;
      int count = (int) Math.min(into.length - done, PAGE - (at & (PAGE - 1)));
      byte[] piece = new byte[count];
      if (!(inEnclave(at) ? readEnclave(at, piece) : readShared(at, piece))) {
        break;
      }
      System.arraycopy(piece, 0, into, done, count);
      done += count;
    }
    for (Map.Entry<Long, Byte> breakpoint : breakpoints.entrySet()) {
      long offset = breakpoint.getKey() - address;
      if (offset >= 0 && offset < done) {
        into[(int) offset] = breakpoint.getValue();
      }
    }
    return done;
  }

  /** Writes, below the breakpoints. Returns whether all could be written. */
  boolean write(long address, byte[] bytes) {
    byte[] laid = bytes.clone();
    for (long breakpoint : breakpoints.keySet()) {
      long offset = breakpoint - address;
      if (offset >= 0 && offset < laid.length) {
        laid[(int) offset] = INT3;
      }
    }
    for (int done = 0; done < laid.length; ) {
      long at = address + done;
      int count = (int) Math.min(laid.length - done, PAGE - (at & (PAGE - 1)));
      byte[] piece = java.util.Arrays.copyOfRange(laid, done, done + count);
      if (!(inEnclave(at) ? writeEnclave(at, piece) : writeShared(at, piece))) {
        return false;
      }
      done += count;
    }
    breakpoints.replaceAll(
        (breakpoint, before) -> {
          long offset = breakpoint - address;
          return offset >= 0 && offset < bytes.length ? bytes[(int) offset] : before;
        });
    return true;
  }

  private boolean readEnclave(long address, byte[] into) {
    return device.debugRead(id, address, MemorySegment.ofArray(into)).ok();
  }

  private boolean writeEnclave(long address, byte[] bytes) {
    return device.debugWrite(id, address, MemorySegment.ofArray(bytes)).ok();
  }

  private boolean readShared(long address, byte[] into) {
    return shared(address, into.length, there -> MemorySegment.ofArray(into).copyFrom(there));
  }

  private boolean writeShared(long address, byte[] bytes) {
    return shared(address, bytes.length, there -> there.copyFrom(MemorySegment.ofArray(bytes)));
  }

  /** Does something with memory outside of the enclave. Returns whether there is such memory. */
  private boolean shared(long address, int length, Consumer<MemorySegment> access) {
    try {
      UntrustedMemory shared = device.untrusted(id);
      long offset = address - shared.base();
      boolean within = offset >= 0 && offset <= shared.segment().byteSize() - length;
      if (within) {
        access.accept(shared.segment().asSlice(offset, length));
      }
      return within;
    } catch (IllegalArgumentException | IllegalStateException e) {
      return false; // the enclave was removed meanwhile
    }
  }

  /** Puts a breakpoint there. Returns whether there is one now. */
  boolean insertBreakpoint(long address) {
    if (breakpoints.containsKey(address)) {
      return true;
    }
    byte[] original = new byte[1];
    if (!inEnclave(address) || !readEnclave(address, original) || !writeEnclave(address, new byte[] {INT3})) {
      return false;
    }
    breakpoints.put(address, original[0]);
    return true;
  }

  /** Takes it away. Returns whether there was one, and is none now. */
  boolean removeBreakpoint(long address) {
    Byte original = breakpoints.get(address);
    if (original == null || !writeEnclave(address, new byte[] {original})) {
      return false;
    }
    breakpoints.remove(address);
    return true;
  }

  /** Takes all away that can be. */
  void removeBreakpoints() {
    for (long address : java.util.List.copyOf(breakpoints.keySet())) {
      if (!removeBreakpoint(address)) {
        breakpoints.remove(address);
      }
    }
  }

  /** Whether the debugger has a breakpoint there. */
  boolean hasBreakpoint(long address) {
    return breakpoints.containsKey(address);
  }

  /** Whether the byte at an address is INT3, be it the debugger's or the enclave's. */
  boolean isInt3(long address) {
    byte[] there = new byte[1];
    return inEnclave(address) && readEnclave(address, there) && there[0] == INT3;
  }
}
