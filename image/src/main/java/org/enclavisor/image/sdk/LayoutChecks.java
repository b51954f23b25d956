package org.enclavisor.image.sdk;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.util.List;
import org.enclavisor.image.Limits;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.isa.PageType;

/** What has to hold for a layout table before it is followed. */
final class LayoutChecks {
  private static final int PAGE = 4096;
  private static final long KNOWN_FLAGS = 7 | 0xff00;

  private final HostileBytes block;
  private final HostileBytes table;
  private final List<LayoutItem> layout;
  private final long enclaveSize;

  LayoutChecks(HostileBytes block, HostileBytes table, List<LayoutItem> layout, long enclaveSize) {
    this.block = block;
    this.table = table;
    this.layout = layout;
    this.enclaveSize = enclaveSize;
  }

  void check() {
    long steps = 0;
    long content = 0;
    for (LayoutItem item : layout) {
      switch (item) {
        case LayoutEntry entry -> {
          checkEntry(entry);
          steps++;
          content += entry.contentOffset() == 0 ? 0 : entry.contentSize();
        }
        case LayoutGroup group -> {
          checkGroup(group);
          steps += group.entryCount() * group.loadTimes();
        }
      }
      if (content > Math.min(block.size(), Limits.CONTENT)) {
        throw malformed(item, "content_size", "content of at most " + hex(block.size()) + " bytes in all",
            hex(content));
      }
      if (steps > Limits.RUNS) {
        throw malformed(item, "load_times", "at most " + Limits.RUNS + " steps in all", Long.toString(steps));
      }
    }
  }

  private void checkEntry(LayoutEntry entry) {
    long rva = entry.rva();
    if (rva < 0 || rva % PAGE != 0 || rva > enclaveSize || entry.length() > enclaveSize - rva) {
      throw malformed(entry, "rva", "whole pages inside the enclave of " + hex(enclaveSize),
          hex(rva) + " with " + entry.pageCount() + " pages");
    }
    if (entry.contentOffset() != 0 && !block.holds(entry.contentOffset(), entry.contentSize())) {
      throw malformed(entry, "content_offset", "a range inside the block of " + block.size() + " bytes",
          hex(entry.contentOffset()) + ", size " + hex(entry.contentSize()));
    }
    long flags = entry.secinfoFlags();
    if (flags == 0) {
      return;
    }
    long type = flags >>> 8;
    boolean tcs = type == PageType.TCS.code();
    if ((flags & ~KNOWN_FLAGS) != 0 || !tcs && type != PageType.REG.code()) {
      throw malformed(entry, "si_flags", "permissions and the page type REG or TCS", hex(flags));
    }
    if (tcs && (flags & 7) != 0) {
      throw malformed(entry, "si_flags", "0x100: a TCS without permissions", hex(flags));
    }
    if (tcs && entry.has(LayoutEntry.EADD)
        && (entry.pageCount() != 1 || entry.contentOffset() == 0 || entry.contentSize() > PAGE)) {
      throw malformed(entry, "page_count", "a TCS of one page with a template of at most one page",
          entry.pageCount() + " pages, content_offset " + hex(entry.contentOffset()) + ", content_size "
              + hex(entry.contentSize()));
    }
    if (entry.contentOffset() != 0 && entry.contentSize() > entry.length()) {
      throw malformed(entry, "content_size", "at most " + hex(entry.length()) + ", the size of the pages",
          hex(entry.contentSize()));
    }
  }

  private void checkGroup(LayoutGroup group) {
    if (group.entryCount() > group.position()) {
      throw malformed(group, "entry_count", "at most " + group.position() + ", the entries before it",
          Integer.toString(group.entryCount()));
    }
    // Every step has to move on: a step of 0 would put the same pages in the same place for ever.
    long step = group.loadStep();
    if (group.loadTimes() > 0
        && (step <= 0 || step % PAGE != 0 || step > enclaveSize || group.loadTimes() > enclaveSize / step)) {
      throw malformed(group, "load_step", "whole pages, " + group.loadTimes() + " times of which fit into "
          + hex(enclaveSize), hex(step));
    }
    for (int i = group.position() - group.entryCount(); i < group.position(); i++) {
      if (!(layout.get(i) instanceof LayoutEntry entry)) {
        throw malformed(group, "entry_count", "entries before it, no groups",
            "a group at " + i);
      }
      long furthest = entry.rva() + group.loadTimes() * step;
      if (furthest > enclaveSize || entry.length() > enclaveSize - furthest) {
        throw malformed(group, "load_times", "the last of " + group.loadTimes() + " inside the enclave of "
            + hex(enclaveSize), hex(furthest) + " with " + entry.pageCount() + " pages");
      }
    }
  }

  private MalformedImageException malformed(LayoutItem item, String field, String expected, String found) {
    String what = "layout item " + item.position() + " (" + LayoutId.name(item.id()) + "): " + field;
    return table.malformed(what, (long) item.position() * LayoutItem.BYTES, expected, found);
  }
}
