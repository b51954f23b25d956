package org.enclavisor.image.sdk;

import org.enclavisor.image.elf.HostileBytes;

/**
 * An entry of the layout table ({@code layout_entry_t}): pages to add, or address space to leave alone.
 *
 * @param position in the table, from 0
 * @param id what it is for; see {@link LayoutId}
 * @param attributes {@link #EADD} and the others
 * @param pageCount how many pages
 * @param rva where, from the enclave image's first byte
 * @param contentSize bytes of content; without a content offset, the 32-bit pattern that fills every page
 * @param contentOffset where the content is in the metadata block; 0 is nowhere
 * @param secinfoFlags SECINFO.FLAGS; 0 is a guard
 */
public record LayoutEntry(int position, int id, int attributes, long pageCount, long rva, long contentSize,
    long contentOffset, long secinfoFlags) implements LayoutItem {
  /** The pages are added before EINIT. */
  public static final int EADD = 1;
  /** … and measured. */
  public static final int EEXTEND = 1 << 1;
  /** … and taken away again by the loader once the enclave has started up, where it can. */
  public static final int EREMOVE = 1 << 2;
  /** Pages may be added after EINIT. */
  public static final int POST_ADD = 1 << 3;
  /** Pages may be taken away after EINIT. */
  public static final int POST_REMOVE = 1 << 4;
  /** Belongs to a thread that is made after EINIT. */
  public static final int DYNAMIC_THREAD = 1 << 5;
  /** Grows downwards. */
  public static final int GROW_DOWN = 1 << 6;
  private static final int KNOWN = (1 << 7) - 1;

  static LayoutEntry read(HostileBytes table, int position) {
    long at = (long) position * BYTES;
    String name = "layout entry " + position + ": ";
    int attributes = table.u16(at + 2, name + "attributes");
    if ((attributes & ~KNOWN) != 0) {
      throw table.malformed(name + "attributes", at + 2, "bits 0 to 6", HostileBytes.hex(attributes));
    }
    return new LayoutEntry(position, table.u16(at, name + "id"), attributes, table.u32(at + 4, name + "page_count"),
        table.u64(at + 8, name + "rva"), table.u32(at + 16, name + "content_size"),
        table.u32(at + 20, name + "content_offset"), table.u64(at + 24, name + "si_flags"));
  }

  /** Whether an attribute is set. */
  public boolean has(int attribute) {
    return (attributes & attribute) == attribute;
  }

  /** Size of the pages in bytes. */
  public long length() {
    return pageCount << 12;
  }
}
