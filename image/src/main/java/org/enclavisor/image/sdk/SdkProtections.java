package org.enclavisor.image.sdk;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.image.Protection;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.isa.Permissions;

/**
 * What the SDK's loader asks of the operating system after the enclave's own start-up ({@code set_memory_protection}):
 * each segment its own permissions, the dynamic section and RELRO theirs, everything else read and write, and nothing
 * at all for what it counts as removed. Later entries overrule earlier ones.
 */
final class SdkProtections {
  private SdkProtections() {}

  static List<Protection> of(ElfFile elf, SdkMetadata metadata, long shift) {
    List<Protection> protections = new ArrayList<>();
    for (ProgramHeader load : elf.loads()) {
      add(protections, load, shift);
    }
    for (ProgramHeader segment : elf.segments()) {
      if (segment.type() == ProgramHeader.PT_DYNAMIC || segment.type() == ProgramHeader.PT_GNU_RELRO) {
        add(protections, segment, shift);
      }
    }
    for (LayoutItem item : metadata.layout()) {
      switch (item) {
        case LayoutEntry entry -> add(protections, entry, shift);
        case LayoutGroup group -> {
          for (long i = 1; i <= group.loadTimes(); i++) {
            for (int at = group.position() - group.entryCount(); at < group.position(); at++) {
              add(protections, (LayoutEntry) metadata.layout().get(at), shift + i * group.loadStep());
            }
          }
        }
      }
    }
    return protections;
  }

  private static void add(List<Protection> protections, ProgramHeader segment, long shift) {
    long from = ElfFile.pageOf(segment.address());
    long to = ElfFile.pageEnd(segment.end());
    if (from < to) {
      protections.add(new Protection(from + shift, to - from, segment.permissions()));
    }
  }

  private static void add(List<Protection> protections, LayoutEntry entry, long shift) {
    // Reserved memory keeps what it was added with, so that it can be executed where the signer allowed it.
    boolean reserved = entry.id() == LayoutId.RSRV_MIN || entry.id() == LayoutId.RSRV_INIT;
    if (!reserved && entry.has(LayoutEntry.EADD) && entry.secinfoFlags() != 0 && entry.pageCount() > 0) {
      Permissions left = entry.has(LayoutEntry.EREMOVE) ? Permissions.NONE : Permissions.RW;
      protections.add(new Protection(entry.rva() + shift, entry.length(), left));
    }
  }
}
