package org.enclavisor.image.sdk;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.util.HashSet;
import java.util.Set;
import org.enclavisor.image.elf.Dynamic;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.image.elf.Relocation;
import org.enclavisor.image.layout.LoadedElf;
import org.enclavisor.image.layout.PageList;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;

/**
 * Enclaves with relocations in read-only segments (DT_TEXTREL): the SDK's loader adds the pages concerned writable,
 * which shows in MRENCLAVE. Nothing is relocated here; that is done inside, at the enclave's start.
 */
final class TextRelocations {
  private TextRelocations() {}

  /** Addresses of the pages that a relocation touches; empty without DT_TEXTREL. */
  static Set<Long> pages(ElfFile elf) {
    Set<Long> pages = new HashSet<>();
    Dynamic.of(elf).filter(dynamic -> dynamic.has(Dynamic.DT_TEXTREL)).ifPresent(dynamic ->
        dynamic.forEachRelocation(relocation -> {
          if (relocation.type() == Relocation.NONE) {
            return;
          }
          long at = relocation.offset();
          if (at < 0 || at >= elf.imageEnd()) {
            throw elf.bytes().malformed("relocation: r_offset", -1, "below the image's end " + hex(elf.imageEnd()),
                hex(at));
          }
          pages.add(ElfFile.pageOf(at));
          if ((at & (ElfFile.PAGE - 1)) > ElfFile.PAGE - Long.BYTES) {
            pages.add(ElfFile.pageOf(at) + ElfFile.PAGE);
          }
        }));
    return pages;
  }

  /**
   * Adds a segment, with write permission for the pages among {@code relocated}.
   *
   * @param shift from the segment's addresses to offsets in the ELRANGE
   * @param imageOffset from the segment's addresses to those that {@code relocated} counts in
   */
  static void addSegment(PageList pages, LoadedElf elf, ProgramHeader segment, long shift, long imageOffset,
      Set<Long> relocated) {
    Permissions plain = segment.permissions();
    Secinfo usual = Secinfo.reg(plain);
    Secinfo writable = Secinfo.reg(new Permissions(plain.read(), true, plain.execute()));
    elf.addTo(pages, segment, shift, page -> relocated.contains(page + imageOffset) ? writable : usual);
  }
}
