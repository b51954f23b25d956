package org.enclavisor.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Writes the program of an enclave process: a static ELF64 executable of two segments. */
final class ElfFile {
  /** Bytes of the ELF header, three program headers and padding, with which the common text begins. */
  static final int HEADER_BYTES = 256;

  private static final int EHDR = 64;
  private static final int PHDR = 56;
  private static final int PT_LOAD = 1;
  private static final int PT_GNU_STACK = 0x6474E551;
  private static final int R = 4;
  private static final int W = 2;
  private static final int X = 1;

  private ElfFile() {}

  /**
   * Puts headers in front of the text.
   *
   * @param text the common text, loaded at {@code base}; its first {@link #HEADER_BYTES} are replaced
   * @param block the text of a block: in the file after the common text, but not loaded by the kernel
   * @param script loaded read-only at {@code scriptAddress}
   */
  static byte[] of(long base, long entry, byte[] text, byte[] block, long scriptAddress, byte[] script) {
    int scriptAt = text.length + block.length;
    ByteBuffer file = ByteBuffer.allocate(scriptAt + script.length).order(ByteOrder.LITTLE_ENDIAN);
    file.put(text).put(block).put(script).position(0);
    file.put(new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    file.putShort((short) 2).putShort((short) 62).putInt(1); // ET_EXEC, EM_X86_64, EV_CURRENT
    file.putLong(entry).putLong(EHDR).putLong(0).putInt(0);
    file.putShort((short) EHDR).putShort((short) PHDR).putShort((short) 3);
    file.putShort((short) 0).putShort((short) 0).putShort((short) 0);
    segment(file, PT_LOAD, R | X, 0, base, text.length);
    segment(file, PT_LOAD, R, scriptAt, scriptAddress, script.length);
    segment(file, PT_GNU_STACK, R | W, 0, 0, 0);
    return file.array();
  }

  private static void segment(ByteBuffer file, int type, int flags, long offset, long address, long bytes) {
    file.putInt(type).putInt(flags).putLong(offset).putLong(address).putLong(address);
    file.putLong(bytes).putLong(bytes).putLong(Kernel.PAGE);
  }
}
