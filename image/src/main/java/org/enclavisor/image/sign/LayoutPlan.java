package org.enclavisor.image.sign;

import static org.enclavisor.image.sdk.LayoutEntry.DYNAMIC_THREAD;
import static org.enclavisor.image.sdk.LayoutEntry.EADD;
import static org.enclavisor.image.sdk.LayoutEntry.EEXTEND;
import static org.enclavisor.image.sdk.LayoutEntry.EREMOVE;
import static org.enclavisor.image.sdk.LayoutEntry.GROW_DOWN;
import static org.enclavisor.image.sdk.LayoutEntry.POST_ADD;
import static org.enclavisor.image.sdk.LayoutEntry.POST_REMOVE;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.sdk.LayoutEntry;
import org.enclavisor.image.sdk.LayoutGroup;
import org.enclavisor.image.sdk.LayoutId;
import org.enclavisor.image.sdk.LayoutItem;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;

/**
 * The layout table of an enclave to be signed, in {@code sgx_sign}'s order: heap; the first thread; threads kept ready;
 * threads that a platform with dynamic memory takes away again; threads made later; reserved memory; user region; and a
 * guard up to the power of two. A thread is: guard, stack, guard, TCS, SSA, guard, thread data. Immutable.
 *
 * @param items the table
 * @param enclaveSize the power of two that holds image and layout, in bytes
 * @param end where the layout ends, in bytes from the image's start
 */
record LayoutPlan(List<LayoutItem> items, long enclaveSize, long end) {
  static final int PAGE = 4096;
  static final int GUARD_BYTES = 0x10000;
  static final int STACK_FILL = 0xcccccccc;
  static final int SSA_FRAMES = 2;
  private static final long RW = Secinfo.reg(Permissions.RW).flags();
  private static final long RWX = Secinfo.reg(Permissions.RWX).flags();
  private static final long MOST_BYTES = 1L << 46;

  /**
   * Lays out an enclave.
   *
   * @param imageEnd where the loadable segments end, whole pages
   * @param ssaFrameSize in pages
   * @param tlsPages pages of thread-local storage
   * @param tcsTemplateOffset where the TCS template is in the metadata block
   * @param overheadBytes what the run-time needs to keep track of dynamic memory, for {@link
   *     SigningConfig#forDynamicMemory}
   */
  static LayoutPlan of(SigningConfig config, long imageEnd, int ssaFrameSize, long tlsPages, int tcsTemplateOffset,
      long overheadBytes) {
    var maker = new Maker(config, ssaFrameSize, tlsPages, tcsTemplateOffset);
    maker.make(overheadBytes);
    return place(maker.items, imageEnd);
  }

  /** The first entry for a purpose. */
  LayoutEntry entry(int id) {
    return items.stream().filter(item -> item.id() == id).map(LayoutEntry.class::cast).findFirst()
        .orElseThrow(() -> new IllegalStateException("no layout entry " + LayoutId.name(id)));
  }

  /** Gives every item its place. */
  private static LayoutPlan place(List<LayoutItem> items, long imageEnd) {
    List<LayoutItem> placed = new ArrayList<>();
    long at = imageEnd;
    for (LayoutItem item : items) {
      int position = placed.size();
      switch (item) {
        case LayoutEntry e -> {
          placed.add(new LayoutEntry(position, e.id(), e.attributes(), e.pageCount(), at, e.contentSize(),
              e.contentOffset(), e.secinfoFlags()));
          at = grow(at, e.pageCount(), PAGE);
        }
        case LayoutGroup g -> {
          long step = items.subList(position - g.entryCount(), position).stream()
              .mapToLong(entry -> ((LayoutEntry) entry).length()).sum();
          placed.add(new LayoutGroup(position, g.id(), g.entryCount(), g.loadTimes(), step));
          at = grow(at, g.loadTimes(), step);
        }
      }
    }
    long size = Math.max(PAGE, Long.highestOneBit(at - 1) << 1);
    if (size > at) {
      placed.add(new LayoutEntry(placed.size(), LayoutId.GUARD, 0, (size - at) / PAGE, at, 0, 0, 0));
    }
    return new LayoutPlan(List.copyOf(placed), size, at);
  }

  private static long grow(long at, long times, long step) {
    if (step != 0 && times > (MOST_BYTES - at) / step) {
      throw new MalformedImageException("memory layout", -1, "at most 0x" + Long.toHexString(MOST_BYTES) + " bytes",
          "more");
    }
    return at + times * step;
  }

  /** Collects items without places. */
  private static final class Maker {
    private final SigningConfig config;
    private final int ssaFrameSize;
    private final long tlsPages;
    private final int tcsTemplateOffset;
    private final List<LayoutItem> items = new ArrayList<>();

    Maker(SigningConfig config, int ssaFrameSize, long tlsPages, int tcsTemplateOffset) {
      this.config = config;
      this.ssaFrameSize = ssaFrameSize;
      this.tlsPages = tlsPages;
      this.tcsTemplateOffset = tcsTemplateOffset;
    }

    void make(long overheadBytes) {
      long heapMin = config.get(ConfigKey.HEAP_MIN_SIZE);
      long heapInit = config.heapInitSize();
      long heapMax = config.get(ConfigKey.HEAP_MAX_SIZE);
      add(LayoutId.HEAP_MIN, EADD, heapMin, RW);
      if (heapInit > heapMin) {
        add(LayoutId.HEAP_INIT, EADD | POST_REMOVE | POST_ADD, heapInit - heapMin, RW);
      }
      if (heapMax > heapInit) {
        add(LayoutId.HEAP_MAX, POST_ADD, heapMax - heapInit, RW);
      }
      makeThreads();
      makeReserved();
      if (config.forDynamicMemory()) {
        add(LayoutId.USER_REGION, POST_ADD,
            config.get(ConfigKey.USER_REGION_SIZE) + overheadBytes + 2 * EdmmOverhead.GUARD_BYTES, RW);
      }
    }

    private void makeThreads() {
      long ready = config.readyThreads();
      long removed = Math.max(0, config.get(ConfigKey.TCS_NUM) - 1 - config.get(ConfigKey.TCS_MIN_POOL));
      long most = config.tcsMaxNum();
      addThread((id, attributes) ->
          id == LayoutId.STACK_MAX ? attributes | POST_ADD | POST_REMOVE : attributes, 0);
      addThreads(ready, (_, attributes) -> attributes);
      addThreads(removed, (id, attributes) -> id == LayoutId.GUARD ? attributes : attributes | EREMOVE);
      if (most > ready + 1) {
        int entries = addThread((id, attributes) -> switch (id) {
          case LayoutId.GUARD -> attributes;
          case LayoutId.STACK_MAX -> POST_ADD | GROW_DOWN;
          default -> POST_ADD | DYNAMIC_THREAD;
        }, LayoutId.DYNAMIC);
        items.add(new LayoutGroup(0, LayoutId.THREAD_GROUP_DYN, entries, most - ready - 1, 0));
      }
    }

    private void addThreads(long count, AttributesOf attributes) {
      if (count > 0) {
        int entries = addThread(attributes, 0);
        if (count > 1) {
          items.add(new LayoutGroup(0, LayoutId.THREAD_GROUP, entries, count - 1, 0));
        }
      }
    }

    /** Adds the entries of one thread, and says how many they are. */
    private int addThread(AttributesOf attributes, int idOffset) {
      int before = items.size();
      long stackMin = config.get(ConfigKey.STACK_MIN_SIZE);
      long stackMore = config.get(ConfigKey.STACK_MAX_SIZE) - stackMin;
      guard();
      if (stackMore > 0) {
        thread(LayoutId.STACK_MAX, EADD | EEXTEND | GROW_DOWN, stackMore, RW, STACK_FILL, 0, attributes, idOffset);
      }
      thread(LayoutId.STACK_MIN, EADD | EEXTEND, stackMin, RW, STACK_FILL, 0, attributes, idOffset);
      guard();
      thread(LayoutId.TCS, EADD | EEXTEND, PAGE, Secinfo.tcs().flags(), MetadataWriter.TCS_TEMPLATE_BYTES,
          tcsTemplateOffset, attributes, idOffset);
      thread(LayoutId.SSA, EADD | EEXTEND, (long) ssaFrameSize * SSA_FRAMES * PAGE, RW, 0, 0, attributes, idOffset);
      guard();
      thread(LayoutId.TD, EADD | EEXTEND, (1 + tlsPages) * PAGE, RW, 0, 0, attributes, idOffset);
      return items.size() - before;
    }

    private void thread(int id, int attributes, long bytes, long flags, int contentSize, int contentOffset,
        AttributesOf change, int idOffset) {
      items.add(new LayoutEntry(0, id + idOffset, change.of(id, attributes), pages(bytes), 0,
          Integer.toUnsignedLong(contentSize), contentOffset, flags));
    }

    private void makeReserved() {
      long min = config.get(ConfigKey.RESERVED_MEM_MIN_SIZE);
      long init = config.reservedInitSize();
      long max = config.get(ConfigKey.RESERVED_MEM_MAX_SIZE);
      if (max == 0) {
        return;
      }
      long flags = config.get(ConfigKey.RESERVED_MEM_EXECUTABLE) == 1 ? RWX : RW;
      add(LayoutId.RSRV_MIN, EADD, min, flags);
      if (init > min) {
        add(LayoutId.RSRV_INIT, EADD | POST_REMOVE | POST_ADD, init - min, flags);
      }
      if (max > init) {
        add(LayoutId.RSRV_MAX, POST_ADD, max - init, RW);
      }
    }

    private void guard() {
      items.add(new LayoutEntry(0, LayoutId.GUARD, 0, GUARD_BYTES / PAGE, 0, 0, 0, 0));
    }

    private void add(int id, int attributes, long bytes, long flags) {
      items.add(new LayoutEntry(0, id, attributes, pages(bytes), 0, 0, 0, flags));
    }

    private static long pages(long bytes) {
      long pages = bytes / PAGE;
      if (pages > 0xffff_ffffL) {
        throw new MalformedImageException("memory layout", -1, "at most 2^32 pages in one entry",
            Long.toString(pages));
      }
      return pages;
    }
  }

  /** The attributes of a thread's entry, for one of the four sorts of threads. */
  private interface AttributesOf {
    int of(int id, int attributes);
  }
}
