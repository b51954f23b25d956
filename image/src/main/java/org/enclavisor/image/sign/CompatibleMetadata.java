package org.enclavisor.image.sign;

import static org.enclavisor.image.sdk.LayoutEntry.POST_ADD;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.enclavisor.image.sdk.LayoutEntry;
import org.enclavisor.image.sdk.LayoutGroup;
import org.enclavisor.image.sdk.LayoutId;
import org.enclavisor.image.sdk.LayoutItem;
import org.enclavisor.image.sdk.SdkMetadata;

/**
 * The twin of a metadata block for platforms without dynamic memory: version 1.5 (11.5), all threads there from the
 * beginning, nothing added later ({@code generate_compatible_metadata}). It measures to the same MRENCLAVE, so one
 * signature serves both.
 */
final class CompatibleMetadata {
  private static final long VERSION = 1L << 32 | 5;
  private static final long ELRANGE_VERSION = 11L << 32 | 5;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private CompatibleMetadata() {}

  static byte[] of(byte[] block, SdkMetadata metadata, long tcsNum) {
    List<LayoutItem> items = statically(metadata.layout(), tcsNum);
    int layout = block.length - metadata.layout().size() * LayoutItem.BYTES;
    byte[] twin = Arrays.copyOf(Arrays.copyOf(block, layout), layout + items.size() * LayoutItem.BYTES);
    MemorySegment view = MemorySegment.ofArray(twin);
    view.set(U64, 8, metadata.elrange().isPresent() ? ELRANGE_VERSION : VERSION);
    view.set(U32, 16, twin.length);
    view.set(U32, SdkMetadata.DIRECTORIES_OFFSET + 12, items.size() * LayoutItem.BYTES);
    MetadataWriter.writeLayout(view, layout, items);
    return twin;
  }

  private static List<LayoutItem> statically(List<LayoutItem> all, long tcsNum) {
    int from = indexOf(all, LayoutId.GUARD);
    int to = indexOf(all, LayoutId.TD) + 1;
    boolean oneThread = to == all.size() || all.get(to).id() == LayoutId.RSRV_MIN;
    List<LayoutItem> items = new ArrayList<>(oneThread ? all : all.subList(0, to));
    if (!oneThread) {
      long step = all.subList(from, to).stream().mapToLong(item -> ((LayoutEntry) item).length()).sum();
      items.add(new LayoutGroup(to, LayoutId.THREAD_GROUP, to - from, tcsNum - 1, step));
      all.stream().filter(item -> item.id() == LayoutId.RSRV_MIN || item.id() == LayoutId.RSRV_INIT
          || item.id() == LayoutId.RSRV_MAX).forEach(items::add);
    }
    for (int id : new int[] {LayoutId.HEAP_INIT, LayoutId.HEAP_MAX, LayoutId.STACK_MAX, LayoutId.RSRV_INIT,
        LayoutId.RSRV_MAX}) {
      int at = indexOf(items, id);
      if (at >= 0) {
        LayoutEntry e = (LayoutEntry) items.get(at);
        boolean never = id == LayoutId.HEAP_MAX || id == LayoutId.RSRV_MAX;
        items.set(at, new LayoutEntry(at, id, e.attributes() & ~POST_ADD, e.pageCount(), e.rva(), e.contentSize(),
            e.contentOffset(), never ? 0 : e.secinfoFlags()));
      }
    }
    return items;
  }

  private static int indexOf(List<LayoutItem> items, int id) {
    for (int i = 0; i < items.size(); i++) {
      if (items.get(i).id() == id) {
        return i;
      }
    }
    return -1;
  }
}
