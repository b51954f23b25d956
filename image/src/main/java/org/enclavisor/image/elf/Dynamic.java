package org.enclavisor.image.elf;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * The dynamic section of an ELF file: the last value of each tag below 64, and the relocation tables it points to.
 *
 * <p>Source: System V ABI, chapter 5, "Dynamic Section". Immutable; any thread.
 */
public final class Dynamic {
  public static final int DT_NEEDED = 1;
  public static final int DT_PLTRELSZ = 2;
  public static final int DT_RELA = 7;
  public static final int DT_RELASZ = 8;
  public static final int DT_RPATH = 15;
  public static final int DT_REL = 17;
  public static final int DT_TEXTREL = 22;
  public static final int DT_JMPREL = 23;
  public static final int DT_RUNPATH = 29;

  private static final int ENTRY = 16;
  private static final int KNOWN_TAGS = 64;

  private final ElfFile file;
  private final Map<Integer, Long> values;

  private Dynamic(ElfFile file, Map<Integer, Long> values) {
    this.file = file;
    this.values = values;
  }

  /** The dynamic section, if the file has a segment for it. */
  public static Optional<Dynamic> of(ElfFile file) {
    return file.segment(ProgramHeader.PT_DYNAMIC).map(segment -> {
      HostileBytes table = file.bytes().slice(segment.fileOffset(), segment.fileSize(), "PT_DYNAMIC");
      Map<Integer, Long> values = new HashMap<>();
      for (long at = 0; at + ENTRY <= table.size(); at += ENTRY) {
        long tag = table.u64(at, "d_tag");
        if (tag == 0) {
          return new Dynamic(file, values);
        }
        if (tag > 0 && tag < KNOWN_TAGS) {
          values.put((int) tag, table.u64(at + 8, "d_un"));
        }
      }
      throw table.malformed("PT_DYNAMIC", 0, "a DT_NULL entry within " + table.size() + " bytes", "none");
    });
  }

  public boolean has(int tag) {
    return values.containsKey(tag);
  }

  public OptionalLong value(int tag) {
    Long value = values.get(tag);
    return value == null ? OptionalLong.empty() : OptionalLong.of(value);
  }

  /** Hands every record of DT_RELA and then of DT_JMPREL to an action. */
  public void forEachRelocation(Consumer<Relocation> action) {
    forEach(DT_RELA, DT_RELASZ, action);
    forEach(DT_JMPREL, DT_PLTRELSZ, action);
  }

  private void forEach(int tableTag, int sizeTag, Consumer<Relocation> action) {
    Long address = values.get(tableTag);
    if (address == null) {
      return;
    }
    long size = values.getOrDefault(sizeTag, 0L);
    String name = tableTag == DT_RELA ? "DT_RELA" : "DT_JMPREL";
    long at = file.sectionAt(address).map(SectionHeader::fileOffset).or(() -> file.fileOffsetOf(address))
        .orElseThrow(() -> file.bytes().malformed(name, -1, "an address with bytes in the file", hex(address)));
    HostileBytes table = file.bytes().slice(at, size, name);
    for (long offset = 0; offset + Relocation.BYTES <= size; offset += Relocation.BYTES) {
      action.accept(new Relocation(table.u64(offset, "r_offset"), table.u64(offset + 8, "r_info"),
          table.u64(offset + 16, "r_addend")));
    }
  }
}
