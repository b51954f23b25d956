package org.enclavisor.image.sgxs;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.LaunchRules;
import org.enclavisor.image.PageRun;
import org.enclavisor.image.ThreadSlot;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.layout.PageList;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.Tcs;

/**
 * Reads SGXS streams. A page has to be measured wholly and in order, or not at all: that is what the operating systems'
 * drivers can do, and what an image can say. Not for several threads.
 */
public final class SgxsReader {
  private static final int PAGE = PageRun.PAGE;
  private static final int CHUNKS = PAGE / SgxsRecord.DATA_BYTES;

  private final HostileBytes stream;
  private final PageList pages;
  private final List<ThreadSlot> threads = new ArrayList<>();
  private long at = SgxsRecord.BYTES;

  private SgxsReader(HostileBytes stream, PageList pages) {
    this.stream = stream;
    this.pages = pages;
  }

  /** Whether the bytes begin as such a stream does. */
  public static boolean recognizes(MemorySegment file) {
    var bytes = new HostileBytes(file, "");
    if (!bytes.holds(0, Long.BYTES)) {
      return false;
    }
    long tag = bytes.u64(0, "tag");
    return tag == SgxsRecord.ECREATE || tag == SgxsRecord.UNSIZED;
  }

  /**
   * Reads a stream. It says nothing of ATTRIBUTES; those come with the SIGSTRUCT.
   *
   * @throws org.enclavisor.image.MalformedImageException naming the record that is wrong
   */
  public static EnclaveImage read(HostileBytes stream) {
    if (stream.u64(0, "first record") == SgxsRecord.UNSIZED) {
      throw stream.malformed("first record", 0, "ECREATE with the enclave's size",
          "UNSIZED: the enclave's size was left open and has to be filled in first");
    }
    long frame = stream.u32(8, "ECREATE: SSAFRAMESIZE");
    if (frame < 1 || frame > 1 << 16) {
      throw stream.malformed("ECREATE: SSAFRAMESIZE", 8, "1 to 65536 pages", Long.toString(frame));
    }
    long size = stream.u64(12, "ECREATE: SIZE");
    requireZero(stream, 20, SgxsRecord.BYTES, "ECREATE");
    var reader = new SgxsReader(stream, new PageList(stream.name(), size));
    reader.readPages();
    Attributes attributes = new Attributes(Attributes.MODE64BIT, Attributes.XFRM_LEGACY);
    return new EnclaveImage(EnclaveImage.Kind.SGXS, stream.name(), Secs.of(size, (int) frame, MiscSelect.NONE,
        attributes), OptionalLong.empty(), 0, reader.pages.finish(), Optional.empty(), Optional.empty(),
        reader.threads, List.of(), List.of(), new LaunchRules(attributes, MiscSelect.NONE, true, false),
        Optional.empty());
  }

  private void readPages() {
    Run run = null;
    while (at < stream.size()) {
      Page page = readPage();
      if (run == null || !run.takes(page)) {
        if (run != null) {
          run.addTo(pages);
        }
        run = new Run(page);
      }
      run.add(page);
    }
    if (run != null) {
      run.addTo(pages);
    }
  }

  /** An EADD with the data records behind it. */
  private Page readPage() {
    long tag = stream.u64(at, "record");
    if (tag != SgxsRecord.EADD) {
      throw stream.malformed("record", at, "EADD", hex(tag));
    }
    long start = at;
    long offset = stream.u64(at + 8, "EADD: offset");
    Secinfo secinfo = secinfo(at + 16);
    requireZero(stream, at + 24, at + SgxsRecord.BYTES, "EADD");
    at += SgxsRecord.BYTES;
    List<MemorySegment> data = new ArrayList<>(0);
    int measured = 0;
    int unmeasured = 0;
    int last = -1;
    int present = 0;
    while (at < stream.size() && isData(stream.u64(at, "record"))) {
      boolean isMeasured = stream.u64(at, "record") == SgxsRecord.EEXTEND;
      long chunkAt = stream.u64(at + 8, "data record: offset");
      requireZero(stream, at + 16, at + SgxsRecord.BYTES, "data record");
      long chunk = (chunkAt - offset) / SgxsRecord.DATA_BYTES;
      if (chunkAt % SgxsRecord.DATA_BYTES != 0 || chunkAt - offset < 0 || chunk <= last || chunk >= CHUNKS) {
        throw stream.malformed("data record: offset", at + 8,
            "a multiple of 256 in the page at " + hex(offset) + ", above the one before", hex(chunkAt));
      }
      last = (int) chunk;
      present |= 1 << last;
      data.add(stream.slice(at + SgxsRecord.BYTES, SgxsRecord.DATA_BYTES, "data record").segment());
      measured += isMeasured ? 1 : 0;
      unmeasured += isMeasured ? 0 : 1;
      at += SgxsRecord.BYTES + SgxsRecord.DATA_BYTES;
    }
    if (measured != 0 && (measured != CHUNKS || unmeasured != 0)) {
      throw stream.malformed("page at " + hex(offset), start, "EEXTEND for all sixteen parts or for none",
          measured + " measured, " + unmeasured + " unmeasured");
    }
    var page = new Page(offset, secinfo, measured != 0, data, present);
    if (secinfo.type() == PageType.TCS) {
      threads.add(new ThreadSlot(offset, tcs(page, start), false));
    }
    return page;
  }

  private static boolean isData(long tag) {
    return tag == SgxsRecord.EEXTEND || tag == SgxsRecord.UNMEASURED;
  }

  private Secinfo secinfo(long where) {
    try {
      Secinfo secinfo = Secinfo.ofFlags(stream.u64(where, "EADD: SECINFO.FLAGS"));
      boolean addable = secinfo.type() == PageType.REG || secinfo.type() == PageType.TCS;
      if (!addable || secinfo.pending() || secinfo.modified() || secinfo.pr()) {
        throw stream.malformed("EADD: SECINFO.FLAGS", where, "a page of type REG or TCS", secinfo.toString());
      }
      return secinfo;
    } catch (MalformedStructureException e) {
      throw stream.malformed("EADD: SECINFO." + e.field(), where, e.expected(), e.found());
    }
  }

  private Tcs tcs(Page page, long where) {
    try {
      return Tcs.read(page.content());
    } catch (MalformedStructureException e) {
      throw stream.malformed("TCS at " + hex(page.offset()) + ": " + e.field(), where, e.expected(), e.found());
    }
  }

  private static void requireZero(HostileBytes stream, long from, long to, String record) {
    for (long i = from; i < to; i++) {
      if (stream.u8(i, record) != 0) {
        throw stream.malformed(record + ": reserved bytes", i, "0", Integer.toString(stream.u8(i, record)));
      }
    }
  }

  private record Page(long offset, Secinfo secinfo, boolean measured, List<MemorySegment> data, int present) {
    boolean isZero() {
      return data.isEmpty();
    }

    MemorySegment content() {
      MemorySegment content = MemorySegment.ofArray(new byte[PAGE]);
      copyTo(content);
      return content;
    }

    void copyTo(MemorySegment target) {
      int next = 0;
      for (int chunk = 0; chunk < CHUNKS; chunk++) {
        if ((present & 1 << chunk) != 0) {
          MemorySegment.copy(data.get(next++), 0, target, (long) chunk * SgxsRecord.DATA_BYTES,
              SgxsRecord.DATA_BYTES);
        }
      }
    }
  }

  /** Pages in a row that are added alike; those without data are only counted. */
  private static final class Run {
    private static final int MOST = 1 << 14;

    private final Page first;
    private final List<Page> withData = new ArrayList<>();
    private long count;

    Run(Page first) {
      this.first = first;
    }

    boolean takes(Page page) {
      return page.offset == first.offset + count * PAGE && page.secinfo.equals(first.secinfo)
          && page.measured == first.measured && page.isZero() == first.isZero() && withData.size() < MOST;
    }

    void add(Page page) {
      count++;
      if (!page.isZero()) {
        withData.add(page);
      }
    }

    void addTo(PageList list) {
      String part = first.secinfo.type() == PageType.TCS ? "tcs" : "pages";
      if (first.isZero()) {
        list.addFill(first.offset, count * PAGE, first.secinfo, first.measured, Optional.empty(), part);
        return;
      }
      MemorySegment bytes = MemorySegment.ofArray(new byte[withData.size() * PAGE]);
      for (int i = 0; i < withData.size(); i++) {
        withData.get(i).copyTo(bytes.asSlice((long) i * PAGE, PAGE));
      }
      list.addContent(first.offset, bytes, first.secinfo, first.measured, part);
    }
  }
}
