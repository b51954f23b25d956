package org.enclavisor.image.plain;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.ImageOptions;
import org.enclavisor.image.LaunchRules;
import org.enclavisor.image.Limits;
import org.enclavisor.image.ThreadSlot;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.image.layout.PageList;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;

/**
 * Reads the kernel selftests' enclave. Its loader goes by places in the file, not by addresses: each segment is added
 * from the page its file part begins in, as many whole pages as that part has, with whatever bytes of the file are
 * there. The first segment's pages are TCS. A heap, which only the harness knows of, follows unmeasured. The file
 * carries no SIGSTRUCT; it is made at run time ({@code org.enclavisor.image.sign}).
 */
public final class SelftestReader {
  private static final int PAGE = ElfFile.PAGE;

  private SelftestReader() {}

  /** Whether the first loadable segment can be a TCS: readable and writable only, with a plausible first page. */
  public static boolean recognizes(ElfFile elf) {
    ProgramHeader first = elf.loads().getFirst();
    HostileBytes bytes = elf.bytes();
    long at = first.fileOffset() & -PAGE;
    return first.permissions().equals(Permissions.RW) && first.fileSize() >= 72 && bytes.holds(at, 72)
        && bytes.u64(at, "TCS.STATE") == 0 && bytes.u64(at + 8, "TCS.FLAGS") == 0
        && bytes.u32(at + 24, "TCS.CSSA") == 0 && bytes.u32(at + 28, "TCS.NSSA") != 0;
  }

  /**
   * Reads the image.
   *
   * @throws org.enclavisor.image.MalformedImageException naming the field that is wrong
   */
  public static EnclaveImage read(ElfFile elf, ImageOptions options) {
    HostileBytes bytes = elf.bytes();
    long origin = elf.loads().getFirst().fileOffset() & -PAGE;
    ProgramHeader last = elf.loads().getLast();
    long imageSize = (last.fileOffset() & -PAGE) - origin + ElfFile.pageEnd(last.fileSize());
    long heap = options.selftestHeapBytes();
    if (imageSize <= 0 || imageSize > Limits.ELRANGE / 2 || heap > Limits.ELRANGE / 2) {
      throw bytes.malformed("program headers", -1, "segments of at most " + hex(Limits.ELRANGE / 2) + " bytes",
          hex(imageSize) + " and a heap of " + hex(heap));
    }
    long elrange = Math.max(PAGE, Long.highestOneBit(imageSize + heap - 1) << 1);
    var pages = new PageList(bytes.name(), elrange);
    List<ThreadSlot> threads = new ArrayList<>();
    for (ProgramHeader load : elf.loads()) {
      boolean first = load.index() == elf.loads().getFirst().index();
      addSegment(bytes, load, origin, first, pages, threads);
    }
    pages.addFill(imageSize, heap, Secinfo.reg(Permissions.RW), false, Optional.empty(), "heap");
    var attributes = new Attributes(Attributes.MODE64BIT, Attributes.XFRM_LEGACY);
    return new EnclaveImage(EnclaveImage.Kind.LINUX_SELFTEST, bytes.name(),
        Secs.of(elrange, 1, MiscSelect.NONE, attributes), OptionalLong.empty(), 0, pages.finish(), Optional.empty(),
        Optional.empty(), threads, List.of(), List.of(), new LaunchRules(attributes, MiscSelect.NONE, true, false),
        Optional.empty());
  }

  private static void addSegment(HostileBytes bytes, ProgramHeader load, long origin, boolean tcs, PageList pages,
      List<ThreadSlot> threads) {
    String part = tcs ? "tcs" : "segment " + load.index();
    long start = load.fileOffset() & -PAGE;
    long length = ElfFile.pageEnd(load.fileSize());
    if (length == 0) {
      return;
    }
    if (!tcs) {
      long whole = Math.min(length, (bytes.size() - start) & -PAGE);
      Secinfo secinfo = Secinfo.reg(load.permissions());
      if (whole > 0) {
        pages.addContent(start - origin, bytes.slice(start, whole, part).segment(), secinfo, true, part);
      }
      if (whole < length) {
        pages.addContent(start - origin + whole, lastPages(bytes, start + whole, length - whole), secinfo, true, part);
      }
      return;
    }
    if (length / PAGE > Limits.THREADS) {
      throw bytes.malformed("program header " + load.index() + ": p_filesz",
          load.headerOffset() - bytes.origin() + 32, "at most " + Limits.THREADS + " TCS pages",
          Long.toString(length / PAGE));
    }
    MemorySegment content = lastPages(bytes, start, length);
    pages.addContent(start - origin, content, Secinfo.tcs(), true, part);
    for (long at = 0; at < length; at += PAGE) {
      try {
        threads.add(new ThreadSlot(start - origin + at, Tcs.read(content.asSlice(at, PAGE)), false));
      } catch (MalformedStructureException e) {
        throw bytes.malformed("TCS: " + e.field(), start + at + e.offset(), e.expected(), e.found());
      }
    }
  }

  /** Whole pages of the file, few of them; zeroes behind its end, as a mapping shows them. */
  private static MemorySegment lastPages(HostileBytes bytes, long start, long length) {
    byte[] copy = new byte[Math.toIntExact(length)];
    long there = Math.min(length, bytes.size() - start);
    MemorySegment.copy(bytes.segment(), start, MemorySegment.ofArray(copy), 0, there);
    return MemorySegment.ofArray(copy);
  }
}
