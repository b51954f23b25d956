package org.enclavisor.image.sdk;

import org.enclavisor.image.elf.HostileBytes;

/**
 * A group of the layout table ({@code layout_group_t}): the entries just before it once more, several times, each time
 * a step further.
 *
 * @param position in the table, from 0
 * @param id {@link LayoutId#THREAD_GROUP} or {@link LayoutId#THREAD_GROUP_DYN}
 * @param entryCount how many of the entries before it
 * @param loadTimes how many times more
 * @param loadStep bytes from one time to the next
 */
public record LayoutGroup(int position, int id, int entryCount, long loadTimes, long loadStep) implements LayoutItem {
  static LayoutGroup read(HostileBytes table, int position) {
    long at = (long) position * BYTES;
    String name = "layout group " + position + ": ";
    return new LayoutGroup(position, table.u16(at, name + "id"), table.u16(at + 2, name + "entry_count"),
        table.u32(at + 4, name + "load_times"), table.u64(at + 8, name + "load_step"));
  }
}
