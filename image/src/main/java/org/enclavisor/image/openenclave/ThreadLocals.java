package org.enclavisor.image.openenclave;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.util.Optional;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.image.elf.SectionHeader;

/**
 * Thread-local storage, as Open Enclave's host reckons it: from the sections, corrected by the program header.
 *
 * @param dataAddress address of {@code .tdata}
 * @param dataSize its bytes
 * @param dataAlign its alignment
 * @param bssSize bytes of {@code .tbss}
 * @param bssAlign its alignment
 */
record ThreadLocals(long dataAddress, long dataSize, long dataAlign, long bssSize, long bssAlign) {
  private static final long LIMIT = 1L << 32;

  static ThreadLocals of(ElfFile elf) {
    Optional<SectionHeader> data = elf.section(".tdata");
    Optional<SectionHeader> bss = elf.section(".tbss");
    long address = data.map(SectionHeader::address).orElse(0L);
    long size = data.map(SectionHeader::size).orElse(0L);
    long align = data.map(SectionHeader::alignment).orElse(0L);
    Optional<ProgramHeader> tls = elf.segment(ProgramHeader.PT_TLS);
    if (tls.isPresent()) {
      ProgramHeader header = tls.get();
      if (address != 0 && address != header.address()) {
        throw elf.bytes().malformed(".tdata: sh_addr", data.orElseThrow().headerOffset() + 16,
            "p_vaddr of PT_TLS " + hex(header.address()), hex(address));
      }
      if (size != header.fileSize()) {
        throw elf.bytes().malformed("PT_TLS: p_filesz", header.headerOffset() + 32, "the size of .tdata " + hex(size),
            hex(header.fileSize()));
      }
      align = address == header.address() ? header.alignment() : align;
    }
    check(elf, ".tdata", size, align);
    long bssSize = bss.map(SectionHeader::size).orElse(0L);
    long bssAlign = bss.map(SectionHeader::alignment).orElse(0L);
    check(elf, ".tbss", bssSize, bssAlign);
    return new ThreadLocals(address, size, align, bssSize, bssAlign);
  }

  private static void check(ElfFile elf, String name, long size, long align) {
    if (size != 0 && (size < 0 || size > LIMIT || align <= 0 || align > LIMIT)) {
      throw elf.bytes().malformed(name + ": sh_size", -1, "size and alignment of 1 to " + hex(LIMIT),
          hex(size) + ", alignment " + hex(align));
    }
  }

  /** Pages for one thread's. */
  long pages() {
    long bytes = (dataSize == 0 ? 0 : roundUp(dataSize, dataAlign)) + (bssSize == 0 ? 0 : roundUp(bssSize, bssAlign));
    return roundUp(bytes, ElfFile.PAGE) / ElfFile.PAGE;
  }

  private static long roundUp(long value, long step) {
    return (value + step - 1) / step * step;
  }
}
