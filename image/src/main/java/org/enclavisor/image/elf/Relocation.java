package org.enclavisor.image.elf;

/** An Elf64_Rela record: where ({@code offset}), what ({@code info}: symbol and type), and its addend. */
public record Relocation(long offset, long info, long addend) {
  public static final int BYTES = 24;
  public static final int NONE = 0;
  public static final int ABSOLUTE_64 = 1;
  public static final int GLOB_DAT = 6;
  public static final int JUMP_SLOT = 7;
  public static final int RELATIVE = 8;
  public static final int DTPMOD64 = 16;
  public static final int DTPOFF64 = 17;
  public static final int TPOFF64 = 18;

  public int type() {
    return (int) info;
  }

  public long symbol() {
    return info >>> 32;
  }
}
