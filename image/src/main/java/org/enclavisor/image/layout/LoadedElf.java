package org.enclavisor.image.layout;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongFunction;
import org.enclavisor.image.PageRun;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.isa.Secinfo;

/**
 * An ELF file as its loadable segments lie in memory, with the changes that a loader makes before adding the pages.
 * Pages that nobody changes stay slices of the file; a changed page is a copy. Not for several threads.
 */
public final class LoadedElf {
  private static final int PAGE = PageRun.PAGE;

  private final ElfFile elf;
  private final Map<Long, byte[]> changed = new HashMap<>();

  public LoadedElf(ElfFile elf) {
    this.elf = elf;
  }

  /** Changes bytes by address. The range has to lie in one loadable segment's memory. */
  public void write(long address, MemorySegment source, String what) {
    long length = source.byteSize();
    ProgramHeader segment = elf.loads().stream()
        .filter(load -> address >= load.address() && address - load.address() <= load.memorySize()
            && length <= load.memorySize() - (address - load.address()))
        .findFirst().orElseThrow(() -> elf.bytes().malformed(what, -1, "a range inside a loadable segment",
            "address " + hex(address) + ", length " + hex(length)));
    copy(segment, address, source);
  }

  /**
   * Changes bytes by their place in the file, wherever segments load them; what no segment loads has no effect. That is
   * how the Intel SDK's patches work, which were made for a private mapping of the file.
   */
  public void writeFile(long fileOffset, MemorySegment source) {
    long end = fileOffset + source.byteSize();
    for (ProgramHeader segment : elf.loads()) {
      long from = Math.max(fileOffset, segment.fileOffset());
      long to = Math.min(end, segment.fileOffset() + segment.fileSize());
      if (from < to) {
        copy(segment, segment.address() + (from - segment.fileOffset()),
            source.asSlice(from - fileOffset, to - from));
      }
    }
  }

  private void copy(ProgramHeader segment, long address, MemorySegment source) {
    long length = source.byteSize();
    long done = 0;
    while (done < length) {
      long at = address + done;
      long page = ElfFile.pageOf(at);
      long part = Math.min(length - done, page + PAGE - at);
      byte[] bytes = changed.computeIfAbsent(page, key -> pageCopy(segment, key));
      // Several segments may load one part of the file: what changes must not become more than the file is.
      if (changed.size() > elf.bytes().size() / PAGE + 16) {
        throw elf.bytes().malformed("changed pages", -1, "no more than the file has", Integer.toString(changed.size()));
      }
      MemorySegment.copy(source, done, MemorySegment.ofArray(bytes), at - page, part);
      done += part;
    }
  }

  private byte[] pageCopy(ProgramHeader segment, long page) {
    byte[] bytes = new byte[PAGE];
    long from = Math.max(page, segment.address());
    long to = Math.min(page + PAGE, segment.address() + segment.fileSize());
    if (from < to) {
      MemorySegment.copy(elf.bytes().segment(), segment.fileOffset() + (from - segment.address()),
          MemorySegment.ofArray(bytes), from - page, to - from);
    }
    return bytes;
  }

  /**
   * Adds a segment's pages, all measured.
   *
   * @param shift added to every address
   * @param secinfo of a page by its address; pages without file bytes have that of the segment's own permissions
   */
  public void addTo(PageList pages, ProgramHeader segment, long shift, LongFunction<Secinfo> secinfo) {
    String part = "segment " + segment.index();
    long fileEnd = segment.fileSize() == 0 ? ElfFile.pageOf(segment.address())
        : ElfFile.pageEnd(segment.address() + segment.fileSize());
    long runStart = -1;
    Secinfo runInfo = Secinfo.reg(segment.permissions());
    for (long page = ElfFile.pageOf(segment.address()); page < fileEnd; page += PAGE) {
      boolean slice = !changed.containsKey(page) && page >= segment.address()
          && page + PAGE <= segment.address() + segment.fileSize();
      Secinfo info = secinfo.apply(page);
      if (runStart >= 0 && !(slice && info.equals(runInfo))) {
        flush(pages, segment, runStart, page, shift, runInfo, part);
        runStart = -1;
      }
      if (!slice) {
        byte[] copy = changed.getOrDefault(page, null);
        pages.addContent(page + shift, MemorySegment.ofArray(copy == null ? pageCopy(segment, page) : copy), info,
            true, part);
      } else if (runStart < 0) {
        runStart = page;
        runInfo = info;
      }
    }
    if (runStart >= 0) {
      flush(pages, segment, runStart, fileEnd, shift, runInfo, part);
    }
    addZeroes(pages, segment, fileEnd, shift, part);
  }

  private void addZeroes(PageList pages, ProgramHeader segment, long from, long shift, String part) {
    Secinfo info = Secinfo.reg(segment.permissions());
    long end = ElfFile.pageEnd(segment.end());
    // A change behind the file part (in .bss) makes a page of its own out of the zeroes.
    long[] own = changed.keySet().stream().mapToLong(page -> page).filter(page -> page >= from && page < end).sorted()
        .toArray();
    long at = from;
    for (long page : own) {
      pages.addFill(at + shift, page - at, info, true, Optional.empty(), part);
      pages.addContent(page + shift, MemorySegment.ofArray(changed.get(page)), info, true, part);
      at = page + PAGE;
    }
    pages.addFill(at + shift, end - at, info, true, Optional.empty(), part);
  }

  private void flush(PageList pages, ProgramHeader segment, long from, long to, long shift, Secinfo info,
      String part) {
    pages.addContent(from + shift,
        elf.bytes().segment().asSlice(segment.fileOffset() + (from - segment.address()), to - from), info, true,
        part);
  }
}
