package org.enclavisor.conformance.model;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Ordinary memory of the model: pages by their number. Confined to one thread. */
final class ModelMemory {
  static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  static final VarHandle U32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int PAGE = 4096;

  private final Map<Long, byte[]> pages = new HashMap<>();

  /** Makes a range exist, all zero. */
  void map(long address, int bytes) {
    for (long page = address >>> 12; page <= address + bytes - 1 >>> 12; page++) {
      pages.putIfAbsent(page, new byte[PAGE]);
    }
  }

  void unmap(long address, int bytes) {
    for (long page = address >>> 12; page <= address + bytes - 1 >>> 12; page++) {
      pages.remove(page);
    }
  }

  boolean mapped(long address, int bytes) {
    for (long page = address >>> 12; page <= address + bytes - 1 >>> 12; page++) {
      if (!pages.containsKey(page)) {
        return false;
      }
    }
    return true;
  }

  /** The bytes, or null if they are not all there. */
  byte @Nullable [] read(long address, int bytes) {
    if (!mapped(address, bytes)) {
      return null;
    }
    byte[] result = new byte[bytes];
    read(address, result);
    return result;
  }

  void read(long address, byte[] into) {
    for (int done = 0; done < into.length; ) {
      int offset = (int) (address + done & PAGE - 1);
      int part = Math.min(into.length - done, PAGE - offset);
      System.arraycopy(page(address + done), offset, into, done, part);
      done += part;
    }
  }

  void write(long address, byte[] from) {
    for (int done = 0; done < from.length; ) {
      int offset = (int) (address + done & PAGE - 1);
      int part = Math.min(from.length - done, PAGE - offset);
      System.arraycopy(from, done, page(address + done), offset, part);
      done += part;
    }
  }

  long u64(long address) {
    return (long) U64.get(page(address), (int) (address & PAGE - 1));
  }

  void u64(long address, long value) {
    U64.set(page(address), (int) (address & PAGE - 1), value);
  }

  private byte[] page(long address) {
    byte[] page = pages.get(address >>> 12);
    if (page == null) {
      throw new IllegalArgumentException("the model has no memory at 0x" + Long.toHexString(address));
    }
    return page;
  }
}
