package org.enclavisor.image.elf;

/**
 * A symbol of an ELF64 file.
 *
 * @param value st_value: the address
 * @param size st_size in bytes
 * @param section st_shndx; 0 is undefined
 * @param weak whether its binding is weak
 */
public record Symbol(String name, long value, long size, int section, boolean weak) {
  static final int BYTES = 24;

  public boolean defined() {
    return section != 0;
  }
}
