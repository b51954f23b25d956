package org.enclavisor.image.elf;

import org.enclavisor.isa.Permissions;

/**
 * A checked ELF64 program header (ELF-64 object file format 1.5, figure 6). The file range lies inside the file, the
 * memory range below {@link ElfFile#ADDRESS_LIMIT}, and {@code fileSize <= memorySize} for loadable segments.
 *
 * @param index its place in the table
 * @param headerOffset where the header itself is in the file
 * @param type p_type
 * @param flags p_flags
 * @param fileOffset p_offset
 * @param address p_vaddr
 * @param fileSize p_filesz
 * @param memorySize p_memsz
 * @param alignment p_align
 */
public record ProgramHeader(int index, long headerOffset, long type, long flags, long fileOffset, long address,
    long fileSize, long memorySize, long alignment) {
  public static final int BYTES = 56;
  public static final long PT_LOAD = 1;
  public static final long PT_DYNAMIC = 2;
  public static final long PT_TLS = 7;
  public static final long PT_GNU_RELRO = 0x6474e552L;

  public boolean isLoad() {
    return type == PT_LOAD;
  }

  /** The end of the memory range. */
  public long end() {
    return address + memorySize;
  }

  /** PF_R, PF_W and PF_X as page permissions. */
  public Permissions permissions() {
    return new Permissions((flags & 4) != 0, (flags & 2) != 0, (flags & 1) != 0);
  }
}
