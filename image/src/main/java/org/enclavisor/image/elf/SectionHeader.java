package org.enclavisor.image.elf;

/**
 * An ELF64 section header (ELF-64 object file format 1.5, figure 3). The file range of a section that has bytes lies
 * inside the file.
 *
 * @param index its place in the table
 * @param headerOffset where the header itself is in the file
 */
public record SectionHeader(int index, long headerOffset, String name, long type, long flags, long address,
    long fileOffset, long size, long link, long alignment, long entrySize) {
  public static final int BYTES = 64;
  public static final long SHT_SYMTAB = 2;
  public static final long SHT_RELA = 4;
  public static final long SHT_NOBITS = 8;
  public static final long SHT_DYNSYM = 11;
  public static final long SHF_EXECINSTR = 4;

  /** Whether the section has bytes in the file. */
  public boolean hasBytes() {
    return type != SHT_NOBITS && type != 0;
  }
}
