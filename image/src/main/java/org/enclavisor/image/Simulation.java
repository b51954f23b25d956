package org.enclavisor.image;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.ProgramHeader;

/**
 * Tells simulation builds from real ones. A simulation build's "leaves" are calls into its own host library: it does
 * not contain the ENCLU instruction (0F 01 D7) at all.
 */
final class Simulation {
  private Simulation() {}

  /** @throws MalformedImageException if the file is a simulation build */
  static void refuse(ElfFile elf) {
    boolean marked = elf.dynamicSymbol("g_global_data_sim").isPresent();
    if (marked || !hasEnclu(elf)) {
      throw elf.bytes().malformed("executable segments", -1,
          "ENCLU instructions (0f 01 d7), as every enclave for real SGX has", (marked
              ? "the symbol g_global_data_sim" : "none") + ": this is a simulation build. "
              + "Build the enclave in hardware mode (with the Intel SDK: SGX_MODE=HW) and sign it again");
    }
  }

  private static boolean hasEnclu(ElfFile elf) {
    // Segments may share bytes of the file; a file that makes them do so often is not worth the search.
    long left = 4 * elf.bytes().size();
    for (ProgramHeader segment : elf.loads()) {
      if (!segment.permissions().execute()) {
        continue;
      }
      left -= segment.fileSize();
      if (left >= 0
          && contains(elf.bytes().segment().asSlice(segment.fileOffset(), segment.fileSize()))) {
        return true;
      }
    }
    return false;
  }

  /** Of any three bytes in a row one is at a place divisible by three, so only those places need a look at first. */
  private static boolean contains(MemorySegment code) {
    for (long at = 2; at < code.byteSize(); at += 3) {
      switch (code.get(ValueLayout.JAVA_BYTE, at)) {
        case (byte) 0xd7 -> {
          if (matches(code, at - 2)) {
            return true;
          }
        }
        case 0x01 -> {
          if (matches(code, at - 1)) {
            return true;
          }
        }
        case 0x0f -> {
          if (matches(code, at)) {
            return true;
          }
        }
        default -> { }
      }
    }
    return false;
  }

  private static boolean matches(MemorySegment code, long at) {
    return at + 3 <= code.byteSize() && code.get(ValueLayout.JAVA_BYTE, at) == 0x0f
        && code.get(ValueLayout.JAVA_BYTE, at + 1) == 0x01
        && code.get(ValueLayout.JAVA_BYTE, at + 2) == (byte) 0xd7;
  }
}
