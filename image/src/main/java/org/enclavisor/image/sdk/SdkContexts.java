package org.enclavisor.image.sdk;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.enclavisor.image.Limits;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.PageRun;
import org.enclavisor.image.Region;
import org.enclavisor.image.ThreadSlot;
import org.enclavisor.image.layout.PageList;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Tcs;

/**
 * Follows a layout table: heap and threads, in the order of the SDK's {@code build_contexts}. Not for several threads.
 */
final class SdkContexts {
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int TCS_OSSA = 16;
  private static final int TCS_OFSBASE = 48;
  private static final int TCS_OGSBASE = 56;

  private final String name;
  private final SdkMetadata metadata;
  private final PageList pages;
  private final long shift;
  private final List<ThreadSlot> threads = new ArrayList<>();
  private final List<Region> reserved = new ArrayList<>();
  private final Map<Integer, MemorySegment> contents = new HashMap<>();
  private int tcsPages;

  SdkContexts(String name, SdkMetadata metadata, PageList pages, long shift) {
    this.name = name;
    this.metadata = metadata;
    this.pages = pages;
    this.shift = shift;
  }

  void build() {
    for (LayoutItem item : metadata.layout()) {
      switch (item) {
        case LayoutEntry entry -> build(entry, 0);
        case LayoutGroup group -> {
          for (long i = 1; i <= group.loadTimes(); i++) {
            for (int at = group.position() - group.entryCount(); at < group.position(); at++) {
              // LayoutChecks has seen to it that a group repeats entries only.
              build((LayoutEntry) metadata.layout().get(at), i * group.loadStep());
            }
          }
        }
      }
    }
  }

  List<ThreadSlot> threads() {
    return threads;
  }

  List<Region> reserved() {
    return reserved;
  }

  private void build(LayoutEntry entry, long delta) {
    long offset = entry.rva() + delta;
    boolean added = entry.has(LayoutEntry.EADD) && entry.secinfoFlags() != 0;
    if (added) {
      add(entry, offset);
    } else if (entry.pageCount() > 0) {
      boolean guard = entry.secinfoFlags() == 0;
      reserved.add(new Region(LayoutId.name(entry.id()), offset + shift, entry.length(),
          Permissions.of(entry.secinfoFlags() & 7), guard ? Region.Use.GUARD : Region.Use.LATER));
    }
    if (entry.has(LayoutEntry.POST_ADD) && entry.id() == LayoutId.TCS_DYN) {
      countTcs();
      threads.add(new ThreadSlot(offset + shift, tcs(tcsPage(entry, offset)), true));
    }
  }

  private void add(LayoutEntry entry, long offset) {
    Secinfo secinfo = Secinfo.ofFlags(entry.secinfoFlags());
    String part = LayoutId.name(entry.id());
    if (entry.secinfoFlags() == Secinfo.tcs().flags()) {
      countTcs();
      MemorySegment page = tcsPage(entry, offset);
      pages.addContent(offset + shift, page, secinfo, entry.has(LayoutEntry.EEXTEND), part);
      // A TCS that the loader would take away again is no thread; it is still added, and measured.
      if (!entry.has(LayoutEntry.EREMOVE)) {
        threads.add(new ThreadSlot(offset + shift, tcs(page), false));
      }
    } else if (entry.contentOffset() != 0) {
      addContent(entry, offset, secinfo, part);
    } else {
      Optional<MemorySegment> pattern = entry.contentSize() == 0 ? Optional.empty()
          : Optional.of(pattern((int) entry.contentSize()));
      pages.addFill(offset + shift, entry.length(), secinfo, entry.has(LayoutEntry.EEXTEND), pattern, part);
    }
  }

  /** Content from the block, then zeroes; measured whatever the attributes say, as the SDK does. */
  private void addContent(LayoutEntry entry, long offset, Secinfo secinfo, String part) {
    // One copy serves all repetitions of a group.
    MemorySegment content = contents.computeIfAbsent(entry.position(), _ -> wholePages(content(entry)));
    long whole = content.byteSize();
    if (whole > 0) {
      pages.addContent(offset + shift, content, secinfo, true, part);
    }
    pages.addFill(offset + shift + whole, entry.length() - whole, secinfo, true, Optional.empty(), part);
  }

  private static MemorySegment wholePages(MemorySegment content) {
    byte[] bytes = new byte[(int) ((content.byteSize() + PageRun.PAGE - 1) & -PageRun.PAGE)];
    MemorySegment.copy(content, 0, MemorySegment.ofArray(bytes), 0, content.byteSize());
    return MemorySegment.ofArray(bytes);
  }

  private MemorySegment content(LayoutEntry entry) {
    return metadata.block().asSlice(entry.contentOffset(), entry.contentSize());
  }

  private void countTcs() {
    if (++tcsPages > Limits.THREADS) {
      throw new MalformedImageException(name + ": layout", -1, "at most " + Limits.THREADS + " threads", "more");
    }
  }

  /** A TCS from the template, whose offsets count from the TCS itself. */
  private MemorySegment tcsPage(LayoutEntry entry, long offset) {
    MemorySegment page = MemorySegment.ofArray(new byte[PageRun.PAGE]);
    if (entry.contentOffset() != 0) {
      page.copyFrom(content(entry).asSlice(0, Math.min(entry.contentSize(), PageRun.PAGE)));
    }
    for (int field : new int[] {TCS_OSSA, TCS_OFSBASE, TCS_OGSBASE}) {
      page.set(U64, field, page.get(U64, field) + offset);
    }
    return page;
  }

  private Tcs tcs(MemorySegment page) {
    try {
      return Tcs.read(page);
    } catch (MalformedStructureException e) {
      throw new MalformedImageException(name + ": TCS template: " + e.field(), -1, e.expected(), e.found());
    }
  }

  private static MemorySegment pattern(int word) {
    MemorySegment page = MemorySegment.ofArray(new int[PageRun.PAGE / Integer.BYTES]);
    for (long at = 0; at < PageRun.PAGE; at += Integer.BYTES) {
      page.set(U32, at, word);
    }
    return page;
  }
}
