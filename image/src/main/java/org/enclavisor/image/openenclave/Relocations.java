package org.enclavisor.image.openenclave;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import org.enclavisor.image.Limits;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.elf.Relocation;
import org.enclavisor.image.elf.SectionHeader;

/**
 * The relocations, which Open Enclave adds to the enclave as pages of their own: {@code .rela.dyn}, then
 * {@code .rela.plt}, with the offsets of thread-local variables filled in.
 */
final class Relocations {
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int SYMBOL_BYTES = 24;

  private Relocations() {}

  /** Whole pages; empty where there are no relocations. */
  static Optional<MemorySegment> pages(ElfFile elf) {
    Optional<HostileBytes> dynamic = table(elf, ".rela.dyn");
    if (dynamic.isEmpty() || dynamic.get().size() == 0) {
      return Optional.empty();
    }
    long first = dynamic.get().size();
    Optional<HostileBytes> linkage = table(elf, ".rela.plt");
    long all = first + linkage.map(HostileBytes::size).orElse(0L);
    if (all > Limits.CONTENT) {
      throw elf.bytes().malformed(".rela.dyn and .rela.plt: sh_size", -1, "at most " + Limits.CONTENT + " bytes",
          Long.toString(all));
    }
    MemorySegment pages = MemorySegment.ofArray(new byte[Math.toIntExact(ElfFile.pageEnd(all))]);
    MemorySegment.copy(dynamic.get().segment(), 0, pages, 0, first);
    linkage.ifPresent(table -> MemorySegment.copy(table.segment(), 0, pages, first, table.size()));
    fillThreadLocals(elf, pages, all);
    return Optional.of(pages);
  }

  private static Optional<HostileBytes> table(ElfFile elf, String name) {
    return elf.section(name).map(section -> {
      HostileBytes table = elf.content(section);
      if (section.entrySize() != Relocation.BYTES) {
        throw elf.bytes().malformed(name + ": sh_entsize", section.headerOffset() + 56,
            Integer.toString(Relocation.BYTES), Long.toUnsignedString(section.entrySize()));
      }
      for (long at = 0; at + Relocation.BYTES <= table.size(); at += Relocation.BYTES) {
        int type = (int) table.u32(at + 8, name + ": r_info");
        switch (type) {
          case Relocation.RELATIVE, Relocation.TPOFF64, Relocation.GLOB_DAT, Relocation.ABSOLUTE_64,
              Relocation.JUMP_SLOT -> { }
          default -> throw table.malformed(name + ": r_info", at + 8, "a relocation type that enclaves can apply",
              Integer.toString(type));
        }
      }
      return table;
    });
  }

  private static void fillThreadLocals(ElfFile elf, MemorySegment pages, long size) {
    Optional<HostileBytes> symbols = elf.sections().stream()
        .filter(section -> section.type() == SectionHeader.SHT_DYNSYM).findFirst().map(elf::content);
    for (long at = 0; at + Relocation.BYTES <= size; at += Relocation.BYTES) {
      long info = pages.get(U64, at + 8);
      if ((int) info == Relocation.TPOFF64) {
        long entry = (info >>> 32) * SYMBOL_BYTES;
        HostileBytes table = symbols.filter(all -> all.holds(entry, SYMBOL_BYTES)).orElseThrow(
            () -> elf.bytes().malformed("relocation: symbol", -1, "an index into .dynsym",
                Long.toString(entry / SYMBOL_BYTES)));
        pages.set(U64, at + 16, table.u64(entry + 8, "st_value"));
      }
    }
  }
}
